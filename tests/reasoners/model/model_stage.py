"""A server that speaks the OpenAI protocol as badly as it is told to, and cases to ask it about."""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bluecode_lint.core.model import (
    NOT_RUN,
    Artifact,
    Case,
    Condition,
    Confidence,
    Constitution,
    Finding,
    Location,
    Region,
    Retrieved,
    Rule,
    RuleKind,
)
from bluecode_lint.core.model import Level as SarifLevel
from bluecode_lint.sources.syntax import parse_python

CODE = '''\
"""Doc."""
import os
from flask import request


def listing():
    name = request.args["name"]
    path = name.strip()
    os.system("ls " + path)
    return path
'''


@dataclass
class Answer:
    """One response. ``body`` may be text or a document; ``act`` replaces everything by a function of the handler."""

    status: int = 200
    body: object = ""
    headers: dict = field(default_factory=dict)
    act: object = None


@dataclass
class ScriptedServer:
    """Gives the answers of ``script`` in turn, the last one for ever. ``requests`` holds what was received."""

    script: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    open_now: int = 0
    open_most: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def take(self, body, headers):
        with self.lock:
            self.requests.append(body)
            self.headers.append(headers)
            return self.script[min(len(self.requests), len(self.script)) - 1]


def completion(text, *, finish="stop", usage=(100, 50), **message):
    return {
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]},
    }


def _handler(script):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            with script.lock:
                script.open_now += 1
                script.open_most = max(script.open_most, script.open_now)
            try:
                self._answer(script.take(raw.decode(), dict(self.headers)), raw)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had enough: that is what is tested
            finally:
                with script.lock:
                    script.open_now -= 1

        def _answer(self, answer, raw):
            if callable(answer):
                answer = answer(json.loads(raw))
            if answer.act is not None:
                answer.act(self)
                return
            body = (
                answer.body
                if isinstance(answer.body, bytes)
                else (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            )
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def serving():
    """Run a scripted server on a port of its own."""
    script = ScriptedServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    http.daemon_threads = True
    script.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


# --- misbehaviour ----------------------------------------------------------------------------------------------------


def hang(script):
    return Answer(act=lambda _handler: script.released.wait(20))


def drip(script, *, headers_first):
    """Send a byte every 20 ms: no read ever takes long, and yet the answer never ends."""

    def act(handler):
        if headers_first:
            handler.send_response(200)
            handler.send_header("content-length", "1000000")
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not script.released.is_set():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    return Answer(act=act)


def hang_up(handler):
    handler.send_response(200)
    handler.send_header("content-length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


# --- cases -----------------------------------------------------------------------------------------------------------


def make_rule(slug="os-command-injection", cwe=78, kind=RuleKind.FLOW, level=SarifLevel.WARNING):
    return Rule(f"bluecode/{slug}", slug, cwe, kind, level, 9.8, "high", "Data becomes part of a command.", "Help.")


def make_artifact(text=CODE, uri="app/views.py"):
    return Artifact(uri, "python", text, "0" * 64, parse_python(text))


def make_case(
    text=CODE, *, uri="app/views.py", rule=None, confirmation=NOT_RUN, confidence=Confidence.HIGH, sink="os.system("
):
    """Claim that the (first) line with ``sink`` is what ``rule`` describes."""
    rule = rule or make_rule()
    lines = text.split("\n")
    number = next(n for n, line in enumerate(lines, start=1) if sink in line)
    column = lines[number - 1].index(sink) + 1
    place = Location(uri, Region(number, column, number, len(lines[number - 1]) + 1))
    finding = Finding(rule.id, rule.cwe, place, "data reaches a command", confidence, ("test:sink",))
    return Case(finding, rule, make_artifact(text, uri), confirmation)


PRINCIPLE = Retrieved(
    Constitution(
        "command-from-outside", "code", 78, "A command is never built from data that comes from outside.",
        (Condition("data from outside is part of a command line that a shell reads"),),
        (Condition("the command is a list of arguments, and no shell is asked for"),),
    ),
    0.8,
)  # fmt: skip


def opinion(judgment="unsafe", finding="F1", *, uri="app/views.py", line=9, quote='os.system("ls " + path)', **more):
    """Give an entry of an answer; the defaults fit `CODE`."""
    return {
        "finding": finding,
        "path": [
            {"file": uri, "line": 7, "quote": 'request.args["name"]', "what": "enters"},
            {"file": uri, "line": line, "quote": quote, "what": "runs"},
        ],
        "protections": [
            {"file": uri, "line": 8, "quote": "name.strip()", "holds": judgment == "safe", "why": "only trims"}
        ],
        "rationale": "The name goes into a shell command.",
        "cited": [],
        "judgment": judgment,
        "would_change_my_mind": "A list of arguments.",
        **more,
    }


def answer_text(*entries):
    return json.dumps({"verdicts": list(entries)})
