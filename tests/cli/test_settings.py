import json

import pytest

from bluecode_lint.cli.config import find_config, load_settings, read_table
from bluecode_lint.cli.settings import OPTION_OF, OPTIONS, Scope, parse_value, values_from_environment
from bluecode_lint.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


def settings(root, flags=None, **options):
    return load_settings(flags or {}, root, options.get("config"), isolated=options.get("isolated", False))


def write_project(root, table):
    (root / "pyproject.toml").write_text(f"[tool.bluecode-lint]\n{table}\n")


def test_later_sources_win(tmp_path, monkeypatch):
    assert settings(tmp_path)["fail-on"] == "warning"
    write_project(tmp_path, 'fail-on = "note"')
    assert settings(tmp_path)["fail-on"] == "note"
    monkeypatch.setenv("BLUECODE_FAIL_ON", "error")
    assert settings(tmp_path)["fail-on"] == "error"
    assert settings(tmp_path, {"fail-on": "never"})["fail-on"] == "never"


def test_the_nearest_file_with_our_table_counts(tmp_path):
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    write_project(tmp_path, "")
    (tmp_path / "a/pyproject.toml").write_text("[tool.other]\n")
    assert find_config(inner) == tmp_path / "pyproject.toml"
    (tmp_path / "a/bluecode-lint.toml").write_text("")
    assert find_config(inner) == tmp_path / "a/bluecode-lint.toml"


def test_isolated_reads_no_file(tmp_path):
    write_project(tmp_path, 'nonsense = "x"')
    assert settings(tmp_path, isolated=True)["fail-on"] == "warning"


def test_an_unknown_key_gets_a_suggestion(tmp_path):
    write_project(tmp_path, 'fail_on = "note"')
    with pytest.raises(ConfigError, match="unknown key 'fail_on'; did you mean 'fail-on'"):
        settings(tmp_path)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.scope is Scope.OPERATOR], ids=lambda o: o.name)
def test_a_repository_cannot_set_what_is_the_operators(tmp_path, option):
    write_project(tmp_path, f'{option.name} = "x"')
    with pytest.raises(ConfigError, match="cannot be set by the scanned repository"):
        settings(tmp_path)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('fail-on = "sometimes"', "must be one of"),
        ("fail-on = 3", "must be a string"),
        ("force-exclude = 7", "must be true or false"),
        ("max-file-size = -1", "whole number"),
        ("max-file-size = true", "whole number"),
        ("select = [1]", "list of strings"),
        ("per-file-ignores = 3", "must map patterns"),
        ('per-file-ignores = {"a" = "b"}', "must map patterns"),
        ("broken", "not valid TOML"),
    ],
)
def test_wrong_values_name_the_file_and_the_key(tmp_path, table, complaint):
    write_project(tmp_path, table)
    with pytest.raises(ConfigError, match=complaint) as raised:
        settings(tmp_path, config=tmp_path / "pyproject.toml")
    assert str(tmp_path) in str(raised.value)


def test_a_missing_config_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        settings(tmp_path, config=tmp_path / "nope.toml")


def test_a_table_that_is_none_is_an_error(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool]\nbluecode-lint = "x"\n')
    with pytest.raises(ConfigError, match="must be a table"):
        read_table(tmp_path / "pyproject.toml")


def test_per_file_ignores_are_kept(tmp_path):
    write_project(tmp_path, '[tool.bluecode-lint.per-file-ignores]\n"tests/**" = ["weak-hash"]')
    assert settings(tmp_path).per_file_ignores == {"tests/**": ("weak-hash",)}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("no-exec", "1", True),
        ("no-exec", "off", False),
        ("jobs", "4", 4),
        ("select", "a, b", ("a", "b")),
        ("format", "sarif=x.sarif,text", ("sarif=x.sarif", "text")),
    ],
)
def test_the_environment_speaks_in_text(name, text, value):
    assert values_from_environment({OPTION_OF[name].variable: text}) == {name: value}


def test_an_empty_variable_counts_as_not_set():
    assert values_from_environment({"BLUECODE_FAIL_ON": ""}) == {}


def test_wrong_variables_are_named():
    with pytest.raises(ConfigError, match="BLUECODE_JOBS: jobs must be a whole number"):
        values_from_environment({"BLUECODE_JOBS": "many"})
    with pytest.raises(ConfigError, match="BLUECODE_NO_EXEC"):
        values_from_environment({"BLUECODE_NO_EXEC": "perhaps"})


def test_every_default_fits_its_own_option():
    for option in OPTIONS:
        if option.default is not None and option.default != ():
            assert parse_value(option, option.default, "default") == option.default


def test_settings_can_be_shown(tmp_path):
    json.dumps(dict(settings(tmp_path).values), default=list)
