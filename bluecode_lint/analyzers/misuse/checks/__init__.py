"""What data cannot say: one function a question, each given a module and yielding the places that fail it."""

from __future__ import annotations

from bluecode_lint.analyzers.misuse.checks import comparisons, passwords, secrets, web
from bluecode_lint.analyzers.misuse.checks.seam import Check

CHECKS: dict[str, Check] = {
    "commented_out_protection": Check(web.commented_out_protection, (b"#",)),
    "csrf_middleware_missing": Check(web.csrf_middleware_missing, (b"MIDDLEWARE",)),
    "default_credentials": Check(secrets.default_credentials),
    "exception_in_response": Check(web.exception_in_response, (b"except",)),
    "hard_coded_key": Check(secrets.hard_coded_key),
    "hard_coded_password": Check(secrets.hard_coded_password),
    "hard_coded_secret": Check(secrets.hard_coded_secret),
    "missing_authorization": Check(web.missing_authorization),
    "password_in_url": Check(secrets.password_in_url, (b"://",)),
    "password_on_command_line": Check(secrets.password_on_command_line, (b"subprocess", b"os.", b"from os")),
    "plaintext_password_comparison": Check(passwords.plaintext_password_comparison, (b"pass", b"pwd", b"pw")),
    "plaintext_password_storage": Check(passwords.plaintext_password_storage, (b"pass", b"pwd", b"pw")),
    "secret_in_comment": Check(secrets.secret_in_comment, (b"#",)),
    "secret_in_log": Check(secrets.secret_in_log),
    "secret_in_prompt": Check(secrets.secret_in_prompt, (b"prompt", b"messages", b"generate", b"invoke", b"create")),
    "shared_request_state": Check(web.shared_request_state),
    "short_password_accepted": Check(passwords.short_password_accepted, (b"len(", b"Length", b"min_length")),
    "timing_unsafe_comparison": Check(comparisons.timing_unsafe_comparison, (b"==", b"!=")),
    "unverified_webhook": Check(web.unverified_webhook, (b"hook",)),
    "user_record_in_response": Check(web.user_record_in_response),
}
"""Every check by the name the data calls it by."""
