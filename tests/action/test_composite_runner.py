"""The runner itself: what it gets wrong would make the tests of the action worthless."""

import pytest

pytest_plugins: tuple[str, ...] = ()


@pytest.fixture
def parts(request):
    """Reach into the conftest module, which cannot be imported by name."""
    return next(plugin for plugin in request.config.pluginmanager.get_plugins() if hasattr(plugin, "CompositeRunner"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.upload == 'true'", True),
        ("inputs.upload != 'TRUE'", False),
        ("!cancelled() && steps.scan.outputs.upload == 'yes'", True),
        ("steps.absent.outputs.anything == ''", True),
        ("(inputs.absent || 'fallback')", "fallback"),
        ("always() && (failure() || inputs.upload == 'it''s')", False),
    ],
)
def test_expressions(parts, expression, value):
    context = {
        "inputs": {"upload": "true"},
        "steps": {"scan": {"outputs": {"upload": "yes"}}},
        "cancelled()": False, "always()": True, "failure()": False,
    }  # fmt: skip
    assert parts.evaluate(expression, context) == value


@pytest.mark.parametrize("expression", ["", "inputs.a ==", "(inputs.a", "contains(inputs.a, 'b')", "inputs.a inputs.b"])
def test_what_it_does_not_understand_is_an_error(parts, expression):
    with pytest.raises((parts.ExpressionError, KeyError)):
        parts.evaluate(expression, {"inputs": {"a": "1"}})


def test_outputs_in_both_syntaxes(parts):
    text = "a=1\nb<<E\ntwo\nlines=x\nE\nc=x<<y\n"
    assert parts.read_outputs(text) == {"a": "1", "b": "two\nlines=x", "c": "x<<y"}


def test_commands_are_obeyed_except_between_stop_marks(parts):
    log = "::error::one\n::stop-commands::t0k\n::error::no\n::t0k::\r::notice file=a.py,line=1::two\nplain :: text\n"
    assert parts.read_commands(log) == ["::error::one", "::notice file=a.py,line=1::two"]
