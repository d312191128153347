"""What of the code is shown: what the question needs, from other files too, and little else."""

import pytest

from bluecode_lint.reasoners.model.context import CodeIndex, excerpts_for

VIEWS = """\
import os
import json
import unused
from depot import cleaning
from depot.forms import parse

LIMIT = 5
OTHER = 6


class Tool(Base):
    def resolve(self, request):
        name = cleaning.hostname(parse(request)["name"])
        self.count(LIMIT)
        with open(name) as out:
            os.system("ping " + name)

    def count(self, number):
        return number


def serve(request):
    return Tool().resolve(request)
"""
CLEANING = """\
import re

HOSTNAME = re.compile("[a-z]+")
SEEN = []


def hostname(value):
    if not HOSTNAME.fullmatch(value):
        raise ValueError
    return value


def unrelated(base):
    return base.resolve_all()
"""
FORMS = "def parse(request):\n    return request.form\n\n\ndef dump(request):\n    return request\n"
FILES = "class File:\n    def open(self):\n        return self.path.absolute()\n\n\nclass Other:\n    def parse(self):\n        pass\n"


@pytest.fixture
def shown(stage):
    others = [("depot/cleaning.py", CLEANING), ("depot/forms.py", FORMS), ("depot/files.py", FILES)]

    def show(text=VIEWS, tokens=6000):
        case = stage.make_case(text, uri="depot/views.py")
        index = CodeIndex([case.artifact, *(stage.make_artifact(code, uri) for uri, code in others)])
        return {e.uri: "\n".join(e.lines.values()) for e in excerpts_for([case], index, tokens)}

    return show


def test_imports_and_constants_that_are_used_and_the_class_around(shown):
    views = shown()["depot/views.py"]
    assert "class Tool(Base):" in views
    assert "LIMIT = 5" in views
    assert "from depot import cleaning" in views
    assert not any(words in views for words in ("unused", "import json", "OTHER"))


def test_callees_are_what_a_call_can_mean_with_what_they_compare_with(shown):
    found = shown()
    assert "def hostname(value)" in found["depot/cleaning.py"]
    assert 'HOSTNAME = re.compile("[a-z]+")' in found["depot/cleaning.py"]
    assert "SEEN" not in found["depot/cleaning.py"]
    assert "def parse(request)" in found["depot/forms.py"]
    assert "dump" not in found["depot/forms.py"]
    assert "def count(self, number)" in found["depot/views.py"]
    assert "depot/files.py" not in found  # open() is no method of File, nor is parse() one of Other


def test_callers_are_shown_and_those_of_other_things_are_not(shown):
    found = shown()
    assert "return Tool().resolve(request)" in found["depot/views.py"]
    assert "unrelated" not in found["depot/cleaning.py"]


def test_of_a_function_too_long_the_part_around_the_place_is_shown(shown):
    filler = "".join(f"        step_{number} = {number}\n" for number in range(400))
    views = shown(VIEWS.replace('            os.system("', f'{filler}        os.system("'), tokens=600)[
        "depot/views.py"
    ]
    assert 'os.system("ping " + name)' in views
    assert "step_399 = 399" in views
    assert "step_100 " not in views
