"""Where the checks in code draw their lines: each pair differs in the one thing that matters."""

from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.analyzers.misuse import MisuseAnalyzer
from bluecode_lint.core.model import Artifact, Confidence, Finding
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
ANALYZER = MisuseAnalyzer(ROOT, RULES)


def confidence(slug: str, text: str, uri: str = "app.py") -> Confidence | None:
    """Give the best confidence with which a rule is found in a text, None if it is not."""
    artifact = Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
    reports = list(ANALYZER.analyze([artifact]))
    assert all(isinstance(report, Finding) for report in reports)
    return max((r.confidence for r in reports if r.rule_id == f"bluecode/{slug}"), default=None)


HANDLER = "@app.get('/')\ndef index():\n    try:\n        return work()\n    except {what}:\n        {answer}\n"

FOUND = [
    ("sensitive-data-in-log", "import logging\nlogging.info('login of %s with %s', name, password)\n"),
    ("sensitive-data-in-log", "def refresh(self):\n    self.logger.debug(f'new token: {self.access_token}')\n"),
    ("sensitive-data-in-log", "log.error('key=' + str(config['api_key']))\n"),
    ("error-details-exposed", HANDLER.format(what="Exception as error", answer="return {'error': str(error)}, 500")),
    ("error-details-exposed", HANDLER.format(what="Exception as e", answer="abort(500, f'failed: {e}')")),
    ("error-details-exposed", "import traceback\n" + HANDLER.format(what="ValueError", answer="return traceback.format_exc()")),
    ("hard-coded-password", "smtp.login('robot', 'h4nd-written')\n"),
    ("hard-coded-password", "requests.get(url, auth=('robot', 'h4nd-written'), timeout=1)\n"),
    ("hard-coded-password", "config = {'db_password': 'x9!kq'}\n"),
    ("hard-coded-secret", "key = 'AKIAIOSFODNN7QWERTYU'\n"),
    ("hard-coded-key", "from cryptography.fernet import Fernet\nFernet(b'c2VjcmV0LWtleS0xMjM0NTY3ODkwMTIzNDU2Nzg5MDE=')\n"),
    ("password-in-connection-string", "connect('host=db user=app password=Wq7xV2kz')\n"),
    ("predictable-temp-path", "import os, tempfile\nopen(os.path.join(tempfile.gettempdir(), 'job.lock'), 'w')\n"),
    ("world-writable-permissions", "import os, stat\nos.chmod(p, mode | stat.S_IWOTH)\n"),
    ("world-writable-permissions", "import os\nos.chmod(private_key_path, 0o644)\n"),
    ("weak-hash", "import hashlib\nh = hashlib.new('MD5', password)\n"),
    ("weak-password-hash", "import hashlib\ndef f(password):\n    h = hashlib.sha256()\n    h.update(password.encode())\n    return h\n"),
    ("url-substring-check", "def is_allowed(url, domain):\n    return urlparse(url).netloc.endswith(domain)\n"),
    ("always-true-condition", "def is_admin(role):\n    return role == 'admin' or 'root'\n"),
    ("swallowed-security-exception", "try:\n    verify_token(t)\nexcept:\n    pass\ngo()\n"),
    ("ignored-actor", "def read(user_id, doc_id):\n    return DOCS[doc_id]\n"),
    ("static-salt", "import hashlib\nSALT = 'pepper'\nhashlib.sha512((SALT + secret).encode())\n"),
    ("unverified-tls-default", "import smtplib\nwith smtplib.SMTP(h) as s:\n    s.starttls()\n"),
    ("suspicious-import", "import pyyaml\n"),
    ("obsolete-module", "import telnetlib\n"),
]  # fmt: skip

NOT_FOUND = [
    ("sensitive-data-in-log", "import logging\nlogging.info('login of %s', name)\nlogging.info('%d', len(password))\n"),
    ("sensitive-data-in-log", "logging.info('password policy: %s', policy)\nblog.debug(password)\n"),
    ("error-details-exposed", HANDLER.format(what="ValueError as error", answer="return str(error), 400")),
    ("error-details-exposed", HANDLER.format(what="Exception as e", answer="log.error(str(e)); return 'failed', 500")),
    ("error-details-exposed", HANDLER.format(what="Exception as e", answer="return {'kind': type(e).__name__}, 500")),
    ("error-details-exposed", "def parse(t):\n    try:\n        return int(t)\n    except Exception as e:\n        return str(e)\n"),
    ("hard-coded-password", "smtp.login(user, os.environ['PW'])\nsmtp.login('robot', 'your-password')\n"),
    ("hard-coded-password", "labels = {'password': 'Enter a password'}\nform.password = 'password'\n"),
    ("hard-coded-secret", "sha = '9f8a7c6e5d4b3a2f1e0d9c8b7a6f5e4d3c2b1a09'\n"),
    ("hard-coded-secret", "auth_token_url = 'https://auth.example.org/token1234567890'\n"),
    ("password-in-connection-string", "'''host=db user=app password=Wq7xV2kz'''\n"),
    ("predictable-temp-path", "open('/tmp/report.txt')\nopen(f'/tmp/{uuid4()}.txt', 'w')\n"),
    ("world-writable-permissions", "import os, stat\nos.chmod('/srv/tmp', 0o1777)\nos.chmod('readme', 0o644)\n"),
    ("weak-hash", "import hashlib\nhashlib.md5(block, usedforsecurity=False)\n"),
    ("url-substring-check", "def is_allowed(url, domain):\n    return urlparse(url).netloc.endswith('.' + domain)\n"),
    ("url-substring-check", "if 'example.org' in allowed_hosts_list_of_urls():\n    pass\n"),
    ("always-true-condition", "name = user == 'x' or 'guest'\n"),
    ("swallowed-security-exception", "try:\n    verify_token(t)\nexcept InvalidToken:\n    return_error()\n"),
    ("swallowed-security-exception", "try:\n    ok = verify_token(t)\nexcept InvalidToken:\n    pass\n"),
    ("ignored-actor", "def read(user_id):\n    return list_documents()\n"),
    ("ignored-actor", "class V(View):\n    def get(self, current_user, doc_id):\n        return DOCS[doc_id]\n"),
    ("static-salt", "salt = 'django.contrib.sessions'\nimport hashlib\n"),
    ("unverified-tls-default", "import smtplib\nsmtplib.SMTP(h).starttls(context=ctx)\n"),
    ("ignored-signature", "def f(data, signature):\n    '''Later.'''\n    raise NotImplementedError\n"),
    ("object-in-format-template", "def f(template, user):\n    return template.format(name=user.name)\n"),
    ("check-then-use-race", "import os\nif os.path.exists(p):\n    os.remove(p)\n"),
    ("return-in-finally", "try:\n    f()\nfinally:\n    while True:\n        break\n"),
    ("predictable-token", "import random\ndelay = random.random()\ntoken_count = random.randint(1, 9)\n"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "text"), FOUND)
def test_found(slug: str, text: str) -> None:
    found = confidence(slug, text)
    assert found is not None
    assert found > Confidence.LOW


@pytest.mark.parametrize(("slug", "text"), NOT_FOUND)
def test_not_found(slug: str, text: str) -> None:
    assert confidence(slug, text) is None


def test_certainty_depends_on_the_context() -> None:
    plain = "import hashlib\nh = hashlib.md5(block).hexdigest()\n"
    secret = "import hashlib\nsession_token = hashlib.md5(block).hexdigest()\n"
    assert confidence("weak-hash", plain) is Confidence.MEDIUM
    assert confidence("weak-hash", secret) is Confidence.HIGH
    one = "@app.post('/a')\n@login_required\ndef a(): return save()\n@app.post('/b')\ndef b(): return db.drop()\n"
    two = "@app.post('/c')\n@login_required\ndef c(): return save()\n" + one
    assert confidence("missing-authorization", one) is Confidence.MEDIUM
    assert confidence("missing-authorization", two) is Confidence.HIGH


def test_a_length_check_makes_a_slow_pattern_harmless() -> None:
    slow = "import re\ndef f(t):\n    {}return re.match(r'(a+)+b', t)\n"
    assert confidence("ambiguous-regex", slow.format("")) is Confidence.HIGH
    assert confidence("ambiguous-regex", slow.format("if len(t) > 99: raise ValueError\n    ")) is None


def test_a_name_bound_to_a_function_is_that_function() -> None:
    assert confidence("weak-cipher", "from Crypto.Cipher import DES as d\nmake = d.new\nmake(key)\n") is Confidence.HIGH
