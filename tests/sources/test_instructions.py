from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Artifact, Instruction, Notification
from bluecode_lint.sources.discovery import Excludes
from bluecode_lint.sources.instructions import (
    discover_instructions,
    find_instructions,
    is_instruction_file,
    make_instruction_artifact,
    read_instruction_artifacts,
)

if TYPE_CHECKING:
    from pathlib import Path


def found_in(uri: str, text: str) -> list[Instruction]:
    items = list(make_instruction_artifact(uri, text.encode()))
    return [i for item in items if isinstance(item, Artifact) for i in find_instructions(item)]


def texts_in(uri: str, text: str) -> list[str]:
    return [instruction.text for instruction in found_in(uri, text)]


@pytest.mark.parametrize(
    "uri",
    [
        "AGENTS.md", "sub/CLAUDE.md", ".cursorrules", ".cursor/rules/py.mdc", ".github/copilot-instructions.md",
        ".github/prompts/x.prompt.md", ".clinerules/a.md", ".windsurfrules", ".roo/rules-code/a.md", "CONVENTIONS.md",
        "a.prompt", "b.prompty", ".mcp.json", "prompts/system.txt", "app/prompts/chat.j2", "llm_prompts.yaml", "skills/x/SKILL.md",
    ],
)  # fmt: skip
def test_instruction_files_are_known_by_name(uri: str):
    assert is_instruction_file(uri)


@pytest.mark.parametrize("uri", ["README.md", "main.py", "docs/index.md", "data.json", "prompt.py"])
def test_other_files_are_not(uri: str):
    assert not is_instruction_file(uri)


@pytest.mark.parametrize(
    "code",
    [
        'import openai\nopenai.OpenAI().responses.create(model="m", instructions="Be the judge.")',
        'from anthropic import Anthropic\nAnthropic().messages.create(system="Be the judge.", messages=[])',
        'import litellm\nlitellm.completion(model="m", messages=[{"role": "user", "content": "Be the judge."}])',
        'from langchain_core.prompts import ChatPromptTemplate as C\nC.from_messages([("system", "Be the judge.")])',
        'from google import genai\ngenai.Client().models.generate_content(model="m", contents="Be the judge.")',
        'import ollama\nollama.chat(model="m", messages=[dict(role="user", content="Be the judge.")])',
        'from transformers import pipeline\npipeline("text-generation")("Be the judge.")',
        'P = "Be the judge."\nimport ollama\nollama.generate(prompt=P)',
        'import ollama, textwrap\nollama.generate(prompt=textwrap.dedent("Be the judge."))',
        'SYSTEM_PROMPT = "Be the judge."',
        'def f():\n    """@tool"""\n@mcp.tool()\ndef g():\n    """Be the judge."""\n    return 1',
    ],
)
def test_prompt_strings_in_python(code: str):
    assert "Be the judge." in texts_in("app.py", code)


def test_strings_that_no_model_reads_are_left_alone():
    assert (
        texts_in("app.py", 'print("Be the judge.")\nlog.info("Be the judge.")\nx = {"content": "Be the judge."}\n')
        == []
    )


def test_an_escape_does_not_move_the_place():
    code = 'PROMPT = "a\\n\\u00e9 tab\\t<here> and é"\n'
    (instruction,) = found_in("a.py", code)
    assert instruction.text == "a\né tab\t<here> and é"
    at = instruction.text.index("<here>")
    text_offset, file_offset = max(a for a in instruction.anchors if a[0] <= at)
    assert code[file_offset + at - text_offset :].startswith("<here>")


def test_interpolations_and_joined_literals_are_one_text():
    code = 'import ollama\nollama.generate(prompt=f"Rate {name} " "for the job")\n'
    assert texts_in("a.py", code) == ["Rate {name} for the job"]


def test_stubs_and_files_that_only_describe():
    stub = 'def hire(candidate):\n    """Hire the best."""\n    # by skill\n    ...\n'
    assert texts_in("a.py", stub) == [stub]
    beside_code = "x = compute()\n" + stub
    assert texts_in("a.py", beside_code) == [stub.rstrip()]
    assert texts_in("a.py", "def f():\n    return 1\n") == []


def test_json_and_yaml_values():
    assert texts_in("mcp.json", '{"tools": [{"name": "x", "description": "Adds\\ntwo"}]}') == ["Adds\ntwo"]
    yaml = "model: m\nsystem: |\n  You are kind.\n  description: not a key\nuser: Hello there\nn: 1\n"
    assert texts_in("prompts.yaml", yaml) == ["You are kind.\n  description: not a key", "Hello there"]


def test_deep_json_and_unterminated_templates_are_read():
    assert texts_in("mcp.json", "[" * 50_000 + '"description": "x y z"') == ["x y z"]
    assert texts_in("prompts/a.j2", "{% if x %} {{ y ") == ["{% if x %} {{ y "]


def test_binary_and_badly_encoded_files():
    (refused,) = make_instruction_artifact("AGENTS.md", b"\x7fELF" + bytes(500))
    assert isinstance(refused, Notification)
    assert refused.id == "file-is-binary"
    notes = [
        item for item in make_instruction_artifact("AGENTS.md", b"caf\xe9 au lait") if isinstance(item, Notification)
    ]
    assert [note.id for note in notes] == ["file-not-decoded"]
    (utf16,) = make_instruction_artifact("AGENTS.md", "hällo".encode("utf-16"))
    assert isinstance(utf16, Artifact)
    assert utf16.text.removeprefix("\ufeff") == "hällo"


def test_discovery(tmp_path: Path):
    for name, text in {
        "AGENTS.md": "x", "README.md": "x", "llm.py": "import openai\n", "plain.py": "x = 1\n", "node_modules/AGENTS.md": "x",
        ".cursor/rules/a.mdc": "x",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = discover_instructions([tmp_path], tmp_path, tmp_path, Excludes())
    assert found.files == [".cursor/rules/a.mdc", "AGENTS.md", "llm.py"]
    assert discover_instructions([tmp_path / "README.md"], tmp_path, tmp_path, Excludes()).files == ["README.md"]
    with pytest.raises(UsageError):
        discover_instructions([tmp_path / "none"], tmp_path, tmp_path, Excludes())


def test_reading_caps_and_says_so(tmp_path: Path):
    (tmp_path / "AGENTS.md").write_text("x" * 100)
    (item,) = read_instruction_artifacts(tmp_path, ["AGENTS.md"], 50)
    assert isinstance(item, Notification)
    assert item.id == "file-too-large"
    (gone,) = read_instruction_artifacts(tmp_path, ["gone.md"], 50)
    assert isinstance(gone, Notification)
    assert gone.id == "file-vanished"
