"""What a model is shown: the code and its line numbers, but no comment, no docstring and no secret."""

import pytest

from bluecode_lint.core.model import Location, Region
from bluecode_lint.reasoners.model.context import CodeIndex, clean, excerpts_for, restore_names
from bluecode_lint.reasoners.model.redaction import PLACEHOLDER, looks_secret, scrub


def shown(stage, text, **more):
    return "\n".join(clean(stage.make_artifact(text), **more).lines)


SECRETS = [
    ('KEY = "AKIAIOSFODNN7EXAMPLE"', "AKIAIOSFODNN7EXAMPLE"),
    ('x = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"', "ghp_abcdefghij"),
    ('x = f"https://admin:s3cr3t-pw@{host}/"', "s3cr3t-pw"),
    ('connect("postgres://app:correcthorse@db/prod")', "correcthorse"),
    ('connect("Server=db;User=sa;Password=Battery9;")', "Battery9"),
    ('headers = {"Authorization": "Bearer abcDEF123456"}', "abcDEF123456"),
    ('headers["Authorization"] = "Basic dXNlcjpwYXNz"', "dXNlcjpwYXNz"),
    ('x = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"', "eyJzdWIi"),
    ('x = """-----BEGIN RSA PRIVATE KEY-----\nMIIabc\nq7\n-----END RSA PRIVATE KEY-----"""', "MIIabc"),
    ('x = "https://hooks.slack.com/services/T00/B00/abcdef"', "T00/B00"),
    ('password = "swordfish"', "swordfish"),
    ('PASSWORD = ("sword"\n  "fish")', "fish"),
    ('self.db_password = "swordfish"', "swordfish"),
    ('config["password"] = "swordfish"', "swordfish"),
    ('settings = {"SECRET_KEY": "swordfish"}', "swordfish"),
    ('login(user, password="swordfish")', "swordfish"),
    ('def login(user, password="swordfish"): pass', "swordfish"),
    ('def login(user, password: str = "swordfish"): pass', "swordfish"),
    ('if password == "swordfish": pass', "swordfish"),
    ('if "swordfish" == user.password: pass', "swordfish"),
    ('if token in ("swordfish", "codfish-9"): pass', "codfish-9"),
    ('os.environ.get("API_TOKEN", "swordfish")', "swordfish"),
    ('client.set_password("swordfish")', "swordfish"),
    ('secret = base64.b64decode("c3dvcmRmaXNo")', "c3dvcmRmaXNo"),
    ('secret = hash("swordfish!")', "swordfish!"),
    ('api_key = b"\\x01\\x02swordfish"', "swordfish"),
    ('apiKey = "swordfish"', "swordfish"),
    ("pin = 483920", "483920"),
    ('x = "d41d8cd98f00b204e9800998ecf8427e"', "d41d8cd98f00"),
    ('x = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"', "wJalrXUtnFEMI"),
    ('x = b"\\x8a\\x1f\\x00\\xd2\\x91\\x44\\xe0"', "x8a"),
    ('print("swordfish")  # password: swordfish\npassword = "swordfish"', "swordfish"),
    ('"""Connect with swordfish-docs."""\nx = 1', "swordfish-docs"),
    ('def f():\n    x = 1\n    "the password is swordfish-text"\n', "swordfish-text"),
    ("# token swordfish-comment\nx = 1", "swordfish-comment"),
    ('def f(:\n  password = "swordfish"\n', "swordfish"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_not_shown(stage, text, secret):
    assert secret not in shown(stage, text)


@pytest.mark.parametrize(
    "text",
    [
        'password = request.form["password"]',
        'token = request.args.get("access_token")',
        'password = ""',
        'cursor.execute("SELECT id, password FROM users WHERE name = %s", (name,))',
        'secret = os.environ["APP_SECRET"]',
        'digest = hashlib.new("sha256", password.encode("utf-8"))',
        "from django.contrib.auth.middleware import AuthenticationMiddleware",
        'MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]',
        'url = "https://example.com/a/very/long/path/with_many_words/in-it"',
        'subprocess.run(["/usr/bin/git", "--no-pager", "log", f"--format={fmt}"], check=True)',
        "key = lambda item: item[1]",
        'monkey = "banana"',
    ],
)
def test_code_that_holds_no_secret_is_shown_as_it_is(stage, text):
    assert shown(stage, text) == text


def test_lines_keep_their_numbers(stage):
    text = '"""Two\nlines."""\nimport os  # why\npassword = """a\nbcdefgh\nc"""\n\nx = os.getcwd()\n'
    lines = clean(stage.make_artifact(text)).lines
    assert len(lines) == text.count("\n") + 1
    assert lines[2] == "import os"
    assert lines[7] == "x = os.getcwd()"


def test_a_function_of_nothing_but_a_docstring_keeps_a_body(stage):
    assert shown(stage, 'def f():\n    """Say."""\n') == "def f():\n    ...\n"


def test_overlong_strings_and_lines_are_cut_and_say_so(stage):
    text = shown(stage, f'x = "{"all is safe " * 500}"\ny = [{"1, " * 500}]\n')
    assert len(text) < 1200
    assert text.count("characters left out>") == 2


def test_scrubbing_goes_over_any_text_and_over_values_met_elsewhere():
    assert scrub("the value swordfish arrives", {"swordfish"}) == f"the value {PLACEHOLDER} arrives"
    assert scrub("the value of x arrives", {"x"}) == "the value of x arrives"
    assert "hunter2" not in scrub("connect to mysql://root:hunter2@localhost")


@pytest.mark.parametrize("name", ["password", "db_passwd", "API_KEY", "apiKey", "secretToken", "otp", "AUTH_TOKEN"])
def test_names_that_secrets_have(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["monkey", "keyboard", "passenger", "compass_heading", "spinner", "result", "assault"])
def test_names_that_they_do_not_have(name):
    assert not looks_secret(name)


# --- neutral names ---------------------------------------------------------------------------------------------------


def test_neutral_names_hide_what_things_are_called_and_can_be_put_back(stage):
    text = (
        "import os\n\ndef verified_safe(user_input, *rest):\n    reviewed = user_input.strip()\n"
        "    os.system(reviewed)\n    return run(shell=reviewed)\n"
    )
    source = clean(stage.make_artifact(text), neutral_names=True)
    joined = "\n".join(source.lines)
    for name in ("verified_safe", "user_input", "reviewed"):
        assert name not in joined
    for kept in ("os.system(", ".strip()", "run(shell="):
        assert kept in joined
    assert restore_names(source.lines[2], source.originals) == "def verified_safe(user_input, *rest):"


# --- choosing lines --------------------------------------------------------------------------------------------------

TWO_FILES = {
    "app/tools.py": "import shlex\n\ndef quoted(value):\n    return shlex.quote(value)\n\ndef unrelated():\n    return 1\n",
    "app/views.py": (
        "import os\nfrom app.tools import quoted\n\nBASE = '/srv'\nUNUSED = 1\n\n"
        "def listing(name):\n    # why\n    os.system('ls ' + BASE + quoted(name))\n\n"
        "def page(request):\n    return listing(request.args['n'])\n\ndef far():\n    return 2\n"
    ),
}


def shown_lines(stage, tokens=2000, **finding):
    case = stage.make_case(TWO_FILES["app/views.py"])
    for name, value in finding.items():
        object.__setattr__(case.finding, name, value)
    index = CodeIndex([stage.make_artifact(text, uri) for uri, text in TWO_FILES.items()])
    return {e.uri: dict(e.lines) for e in excerpts_for([case], index, tokens)}


def test_the_function_its_imports_constants_callees_and_callers_are_shown_and_nothing_else(stage):
    lines = shown_lines(stage)
    assert list(lines["app/views.py"]) == [1, 2, 4, 7, 9, 11, 12]
    assert list(lines["app/tools.py"]) == [3, 4]


def test_what_decorators_name_and_hooks_that_run_before_are_shown(stage):
    text = (
        "import os\nbp = Blueprint('b')\n\n@bp.before_request\ndef check():\n    abort(403)\n\n"
        "@bp.get('/x')\ndef x(name):\n    os.system(name)\n\n@bp.get('/y')\ndef y():\n    return 1\n"
    )
    case = stage.make_case(text)
    (excerpt,) = excerpts_for([case], CodeIndex([case.artifact]), 2000)
    assert list(excerpt.lines) == [1, 2, 4, 5, 6, 8, 9, 10]


def test_the_finding_itself_comes_first_when_room_is_short(stage):
    assert list(shown_lines(stage, tokens=18)["app/views.py"]) == [9]
    assert shown_lines(stage, tokens=3) == {}


def test_hops_in_other_files_bring_the_functions_around_them(stage):
    flow = (Location("app/tools.py", Region(7, 5, 7, 13), "enters"),)
    assert {6, 7} <= set(shown_lines(stage, code_flow=flow)["app/tools.py"])
