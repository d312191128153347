"""What data cannot say: one function a question, each given a module and yielding the places that fail it."""

from __future__ import annotations

from bluecode_lint.analyzers.misuse.checks import (
    comparisons,
    decisions,
    files,
    forgotten,
    hidden,
    logic,
    passwords,
    patterns,
    secrets,
    supply,
    web,
)
from bluecode_lint.analyzers.misuse.checks.seam import Check

CHECKS: dict[str, Check] = {
    "always_true": Check(logic.always_true, (b" or ", b"assert")),
    "ambiguous_regex": Check(patterns.ambiguous_regex, (b"re", b"regex")),
    "assert_as_check": Check(logic.assert_as_check, (b"assert",)),
    "broad_handler": Check(logic.broad_handler, (b"except",)),
    "check_then_use": Check(files.check_then_use, (b"access", b"exists", b"isfile", b"islink")),
    "client_decided_status": Check(decisions.client_decided_status, (b"request",)),
    "commented_out_protection": Check(web.commented_out_protection, (b"#",)),
    "csrf_middleware_missing": Check(web.csrf_middleware_missing, (b"MIDDLEWARE",)),
    "default_credentials": Check(secrets.default_credentials),
    "exception_in_response": Check(web.exception_in_response, (b"except",)),
    "fail_open": Check(logic.fail_open, (b"except",)),
    "fuzzy_role_check": Check(
        decisions.fuzzy_role_check, (b"admin", b"root", b"staff", b"owner", b"manager", b"'@", b'"@')
    ),
    "hard_coded_key": Check(secrets.hard_coded_key),
    "hard_coded_password": Check(secrets.hard_coded_password),
    "hard_coded_secret": Check(secrets.hard_coded_secret),
    "hidden_characters": Check(hidden.hidden_characters, (b"\xe2\x80", b"\xe2\x81", b"\xef\xbb\xbf", b"\xf3\xa0")),
    "ignored_actor": Check(forgotten.ignored_actor, (b"def ",)),
    "ignored_signature": Check(forgotten.ignored_signature, (b"sig", b"hmac", b"mac_tag")),
    "jump_in_finally": Check(logic.jump_in_finally, (b"finally",)),
    "literal_identity": Check(logic.literal_identity, (b" is ",)),
    "loose_permissions": Check(files.loose_permissions, (b"chmod", b"mkdir", b"makedirs", b"mkfifo", b"mknod", b"os")),
    "missing_authorization": Check(web.missing_authorization),
    "object_in_format_template": Check(forgotten.object_in_format_template, (b".format(",)),
    "password_in_url": Check(secrets.password_in_url, (b"://", b"assword=", b"PWD=", b"pwd=")),
    "password_on_command_line": Check(secrets.password_on_command_line, (b"subprocess", b"os.", b"from os")),
    "permissive_regex": Check(patterns.permissive_regex, (b"re.", b"regex")),
    "plaintext_password_comparison": Check(passwords.plaintext_password_comparison, (b"pass", b"pwd", b"pw")),
    "plaintext_password_storage": Check(passwords.plaintext_password_storage, (b"pass", b"pwd", b"pw")),
    "predictable_temp_path": Check(files.predictable_temp_path, (b"/tmp", b"/dev/shm/", b"gettempdir")),
    "secret_in_comment": Check(secrets.secret_in_comment, (b"#",)),
    "secret_in_file": Check(secrets.secret_in_file, (b"write", b"dump")),
    "secret_in_log": Check(secrets.secret_in_log),
    "secret_in_prompt": Check(secrets.secret_in_prompt, (b"prompt", b"messages", b"generate", b"invoke", b"create")),
    "shared_request_state": Check(web.shared_request_state),
    "short_password_accepted": Check(passwords.short_password_accepted, (b"len(", b"Length", b"min_length")),
    "suspicious_import": Check(supply.suspicious_import),
    "swallowed_security_exception": Check(logic.swallowed_security_exception, (b"except",)),
    "tar_without_filter": Check(files.tar_without_filter, (b"tarfile",)),
    "text_aimed_at_reviewers": Check(hidden.text_aimed_at_reviewers),
    "timing_unsafe_comparison": Check(comparisons.timing_unsafe_comparison, (b"==", b"!=")),
    "character_prefix": Check(comparisons.character_prefix, (b"commonprefix",)),
    "unanchored_validation": Check(patterns.unanchored_validation, (b".match(",)),
    "uncalled_check": Check(
        logic.uncalled_check, (b"has_perm", b"check_password", b"verify_password", b"is_valid", b"validate_on_submit")
    ),
    "unchecked_csrf_token": Check(forgotten.unchecked_csrf_token, (b"csrf", b"CSRF", b"xsrf", b"XSRF")),
    "unverified_webhook": Check(web.unverified_webhook, (b"hook",)),
    "url_substring": Check(logic.url_substring, (b"url", b"host", b"link", b"domain", b"origin", b"refer", b"netloc")),
    "user_record_in_response": Check(web.user_record_in_response),
}
"""Every check by the name the data calls it by."""
