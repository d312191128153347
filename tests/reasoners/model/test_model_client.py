"""The client against a server that fails in every way servers fail: a reply each time, in bounded time."""

import json
import shutil
import ssl
import subprocess
import time
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import openai  # noqa: F401  # its import takes a second, which is not the first test's
import pytest

from bluecode_lint.reasoners.model.budget import Usage
from bluecode_lint.reasoners.model.capabilities import AnswerFormat, Capabilities, capabilities_from_document
from bluecode_lint.reasoners.model.chat import ChatRequest, Ending, Trouble
from bluecode_lint.reasoners.model.client import ClientOptions, OpenAiChat, read_retry_after, reply_from_body
from bluecode_lint.reasoners.model.endpoint import Endpoint

pytestmark = pytest.mark.online

SCHEMA = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}
QUICK = ClientOptions(timeout_s=5, attempts=3, wait_s=0.02, wait_max_s=0.3, give_up_after=50)
IMPATIENT = replace(QUICK, timeout_s=0.4)
BOUND_S = 8.0  # three time-outs and two waits are 1.3 s; the rest is for a busy machine


def request(text="hello"):
    return ChatRequest((("system", "s"), ("user", text)), SCHEMA, 100)


def ask(server, options=QUICK, *, count=1, **more):
    """Ask, and check that it took no longer than it may."""
    chat = OpenAiChat(Endpoint(server.url, "tiny", "sk-secret"), options, **more)
    started = time.monotonic()
    replies = chat.complete_all([request(str(n)) for n in range(count)])
    assert time.monotonic() - started < BOUND_S
    return replies if count > 1 else replies[0]


@pytest.mark.parametrize(
    ("status", "trouble", "attempts"),
    [
        (401, Trouble.KEY_REJECTED, 1),
        (403, Trouble.KEY_REJECTED, 1),
        (404, Trouble.NOT_FOUND, 1),
        (408, Trouble.TIMED_OUT, 3),
        (409, Trouble.SERVER_ERROR, 3),
        (429, Trouble.RATE_LIMITED, 3),
        (500, Trouble.SERVER_ERROR, 3),
        (503, Trouble.SERVER_ERROR, 3),
    ],
)
def test_a_status_is_named_and_retried_only_if_that_can_help(stage, server, status, trouble, attempts):
    server.script = [stage.Answer(status, {"error": {"message": "no such luck"}})]
    reply = ask(server)
    assert (reply.ending, reply.trouble, reply.attempts) == (Ending.FAILED, trouble, attempts)
    assert len(server.requests) == attempts
    assert str(status) in reply.detail


def test_a_wrong_model_name_is_said_in_the_servers_words(stage, server):
    server.script = [stage.Answer(404, {"error": {"message": "The model `tiny` does not exist"}})]
    assert "The model `tiny` does not exist" in ask(server).detail


def test_a_server_that_recovers_is_answered_by(stage, server):
    server.script = [stage.Answer(500), stage.Answer(429), stage.Answer(200, stage.completion('{"a": []}'))]
    reply = ask(server)
    assert (reply.ending, reply.text, reply.attempts) == (Ending.ANSWERED, '{"a": []}', 3)
    assert reply.usage == Usage(100, 50)


def test_retry_after_is_obeyed_and_a_long_one_is_not_waited_for(stage, server):
    server.script = [stage.Answer(429, headers={"retry-after": "0.2"}), stage.Answer(200, stage.completion("{}"))]
    started = time.monotonic()
    assert ask(server).ending is Ending.ANSWERED
    assert time.monotonic() - started >= 0.2
    server.script = [stage.Answer(429, headers={"retry-after": "3600"})]
    reply = ask(server)
    assert (reply.trouble, reply.attempts) == (Trouble.RATE_LIMITED, 1)


def test_retry_after_may_be_a_date_or_nonsense():
    assert read_retry_after("7") == 7
    assert read_retry_after("-7") == 0
    assert 50 < read_retry_after(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert read_retry_after("soon") is None
    assert read_retry_after("") is None
    assert read_retry_after("7", "250") == 0.25


@pytest.mark.parametrize("headers_first", [True, False])
def test_a_slow_drip_ends_at_the_time_out(stage, server, headers_first):
    server.script = [stage.drip(server, headers_first=headers_first)]
    assert ask(server, IMPATIENT).trouble is Trouble.TIMED_OUT


def test_a_hang_ends_at_the_time_out(stage, server):
    server.script = [stage.hang(server)]
    reply = ask(server, IMPATIENT)
    assert (reply.trouble, reply.attempts) == (Trouble.TIMED_OUT, 3)


def test_a_disconnect_in_the_middle_of_an_answer_is_no_answer(stage, server):
    server.script = [stage.Answer(act=stage.hang_up)]
    reply = ask(server)
    assert (reply.trouble, reply.attempts) == (Trouble.DISCONNECTED, 3)


def test_an_answer_of_ten_megabytes_is_not_read_to_the_end(stage, server):
    server.script = [stage.Answer(200, stage.completion("x" * 10_000_000))]
    reply = ask(server, ClientOptions(timeout_s=3, attempts=1))
    assert (reply.trouble, reply.attempts) == (Trouble.TOO_LONG, 1)


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("", Trouble.NOT_UNDERSTOOD),
        ("<html>gateway</html>", Trouble.NOT_UNDERSTOOD),
        ("[]", Trouble.NOT_UNDERSTOOD),
        ('{"choices": []}', Trouble.NOT_UNDERSTOOD),
        ('{"choices": [{"message": "text"}]}', Trouble.NOT_UNDERSTOOD),
        ("[" * 100_000, Trouble.NOT_UNDERSTOOD),
        (b"\xff\xfe\x00", Trouble.NOT_UNDERSTOOD),
        ({"choices": [{"message": {"content": None}}]}, Trouble.EMPTY),
        ({"choices": [{"message": {"content": "  "}}]}, Trouble.EMPTY),
    ],
)
def test_a_body_of_another_form_is_no_answer(stage, server, body, trouble):
    server.script = [stage.Answer(200, body)]
    assert ask(server).trouble is trouble


def test_refusals_and_cut_answers_are_told_apart(stage):
    def ending(**choice):
        return reply_from_body(json.dumps({"choices": [choice]}).encode()).ending

    assert ending(message={"content": None, "refusal": "I cannot"}) is Ending.REFUSED
    assert ending(message={"content": "{"}, finish_reason="content_filter") is Ending.REFUSED
    assert ending(message={"content": '{"a"'}, finish_reason="length") is Ending.CUT
    assert ending(message={"content": ""}, finish_reason="length") is Ending.CUT
    assert ending(message={"content": [{"type": "text", "text": "{}"}]}, finish_reason="stop") is Ending.ANSWERED


def test_what_a_gateway_says_it_charged_is_kept_and_nonsense_is_not():
    def usage(document):
        body = {"choices": [{"message": {"content": "{}"}}], "usage": document}
        return reply_from_body(json.dumps(body).encode()).usage

    assert usage({"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.002}) == Usage(3, 4, 2000)
    assert usage({"prompt_tokens": -3, "completion_tokens": "many"}) == Usage()
    assert usage(None) == Usage()


def test_an_unreachable_server_and_one_without_tls_are_told_apart(server):
    chat = OpenAiChat(Endpoint("http://127.0.0.1:1/v1", "tiny"), QUICK)
    assert chat.complete_all([request()])[0].trouble is Trouble.UNREACHABLE
    chat = OpenAiChat(Endpoint(server.url.replace("http:", "https:"), "tiny"), QUICK)
    reply = chat.complete_all([request()])[0]
    assert (reply.trouble, reply.attempts) == (Trouble.INSECURE, 1)


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path):
    pair = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(pair), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", pair)
    http = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=True)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    http.handle_error = lambda *_: None
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        chat = OpenAiChat(Endpoint(f"https://127.0.0.1:{http.server_address[1]}/v1", "tiny"), QUICK)
        assert chat.complete_all([request()])[0].trouble is Trouble.INSECURE
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def test_a_redirect_is_not_followed(stage, server):
    server.script = [stage.Answer(307, headers={"location": "http://127.0.0.1:1/elsewhere"})]
    reply = ask(server)
    assert reply.ending is Ending.FAILED
    assert len(server.requests) == 1


# --- many calls ------------------------------------------------------------------------------------------------------


def test_the_circuit_breaks_after_failures_in_a_row_and_the_rest_is_not_sent(stage, server):
    server.script = [stage.Answer(500)]
    options = ClientOptions(timeout_s=1, attempts=1, wait_s=0.01, concurrency=1, give_up_after=4)
    replies = ask(server, options, count=20)
    assert [r.trouble for r in replies[:4]] == [Trouble.SERVER_ERROR] * 4
    assert {r.trouble for r in replies[4:]} == {Trouble.GIVEN_UP}
    assert len(server.requests) == 4


def test_a_rejected_key_is_tried_once_not_once_a_finding(stage, server):
    server.script = [stage.Answer(401)]
    replies = ask(server, count=20)
    assert len(server.requests) == 1
    assert replies[-1].trouble is Trouble.GIVEN_UP
    assert "rejected the key" in replies[-1].detail


def test_no_more_calls_than_allowed_are_open_at_once_and_replies_keep_their_order(stage, server):
    def slowly(body):
        time.sleep(0.05)
        return stage.Answer(200, stage.completion(json.dumps({"a": [body["messages"][1]["content"]]})))

    server.script = [slowly]
    replies = ask(server, ClientOptions(timeout_s=3, concurrency=3), count=12)
    assert [json.loads(reply.text)["a"][0] for reply in replies] == [str(n) for n in range(12)]
    assert 1 < server.open_most <= 3


def test_the_budget_is_asked_before_every_further_attempt(stage, server):
    lost = []

    def once(usage):
        lost.append(usage)
        return len(lost) < 2

    server.script = [stage.Answer(act=stage.hang_up)]
    reply = ask(server, may_try_again=once)
    assert reply.trouble is Trouble.OUT_OF_BUDGET
    assert len(server.requests) == 2
    assert lost[0].answer_tokens == 100  # an answer that broke off may have been charged for


# --- what a server can do --------------------------------------------------------------------------------------------


def picky(stage, *rejected):
    """Reject requests that have any of these parameters, as `name` or `name=type`."""

    def answer(body):
        for name in rejected:
            key, _, kind = name.partition("=")
            if key in body and (not kind or body[key].get("type") == kind):
                return stage.Answer(400, {"error": {"message": f"Unsupported parameter: {key}"}})
        return stage.Answer(200, stage.completion('{"a": []}'))

    return answer


@pytest.mark.parametrize(
    ("rejected", "known"),
    [
        ((), Capabilities()),
        (("response_format=json_schema",), Capabilities(AnswerFormat.JSON_WITH_SCHEMA)),
        (("response_format",), Capabilities(AnswerFormat.TEXT)),
        (("seed",), Capabilities(seed=False)),
        (("temperature", "seed"), Capabilities(temperature=False, seed=False)),
    ],
)
def test_what_a_server_rejects_is_left_away_by_all_later_calls(stage, server, rejected, known):
    server.script = [picky(stage, *rejected)]
    chat = OpenAiChat(Endpoint(server.url, "tiny"), QUICK)
    assert [r.ending for r in chat.complete_all([request(), request("b"), request("c")])] == [Ending.ANSWERED] * 3
    assert chat.capabilities == known
    before = len(server.requests)
    chat.complete_all([request("d")])
    assert len(server.requests) == before + 1
    assert capabilities_from_document(known.to_document()) == known


def test_a_model_that_wants_its_limit_by_the_newer_name_gets_it(stage, server):
    complaint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.script = [stage.Answer(400, {"error": {"message": complaint}}), stage.Answer(200, stage.completion("{}"))]
    assert ask(server).ending is Ending.ANSWERED
    assert json.loads(server.requests[1])["max_completion_tokens"] == 100


def test_a_server_that_dislikes_bounds_in_a_schema_gets_one_without(stage, server):
    complaint = "Invalid schema: 'maxItems' is not permitted"
    server.script = [stage.Answer(400, {"error": {"message": complaint}}), stage.Answer(200, stage.completion("{}"))]
    assert ask(server).ending is Ending.ANSWERED
    first, second = (json.loads(body)["response_format"]["json_schema"]["schema"] for body in server.requests)
    assert "maxItems" in first["properties"]["a"]
    assert second == SCHEMA


def test_a_server_that_breaks_on_a_form_it_does_not_know_is_asked_otherwise(stage, server):
    complaint = "validation error: ('body', 'response_format', 'type'), Input should be 'text' or 'json_object'"
    server.script = [stage.Answer(500, {"error": {"message": complaint}}), stage.Answer(200, stage.completion("{}"))]
    assert ask(server).ending is Ending.ANSWERED
    form = json.loads(server.requests[1])["response_format"]
    assert form["type"] == "json_object"
    assert form["schema"]["properties"]["a"]["maxItems"]


def test_a_server_that_ignores_the_schema_is_asked_for_json_the_next_time(stage, server):
    server.script = [stage.Answer(200, stage.completion("Certainly! Let me think about this.")),
                     stage.Answer(200, stage.completion("{}"))]  # fmt: skip
    ask(server, count=2)
    assert json.loads(server.requests[1])["response_format"] == {"type": "json_object"}


def test_a_request_that_is_wrong_in_itself_ends(stage, server):
    server.script = [stage.Answer(400, {"error": {"message": "nobody likes this"}})]
    reply = ask(server)
    assert reply.trouble is Trouble.BAD_REQUEST
    assert len(server.requests) == reply.attempts <= 7


def form_of(body):
    return body.get("response_format", {}).get("type")


def bounded_form(body):
    return "maxLength" in json.dumps(body.get("response_format", {}))


SCHEMA_FROM = "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"
VENDORS = {
    "OpenAI, a reasoning model": (
        (lambda b: "max_tokens" in b, 400, ("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
         "'max_completion_tokens' instead.")),
        (lambda b: "temperature" in b, 400, ("Unsupported value: 'temperature' does not support 0 with this model. Only "
         "the default (1) value is supported.")),
        Capabilities(temperature=False, limit_name="max_completion_tokens"),
    ),
    "OpenAI, strict schemas": (
        (bounded_form, 400, ("Invalid schema for response_format 'answer': In context=('properties', 'a', 'items'), "
         "'maxLength' is not permitted.")),
        Capabilities(AnswerFormat.SCHEMA),
    ),
    "Azure, an old version of the interface": (
        (lambda b: form_of(b) == "json_schema", 400, SCHEMA_FROM),
        (lambda b: "schema" in b.get("response_format", {}), 400, ("Additional properties are not allowed ('schema' was "
         "unexpected) - 'response_format'")),
        Capabilities(AnswerFormat.JSON),
    ),
    "Ollama, an old version": (
        (lambda b: form_of(b) == "json_schema", 400, "invalid response_format type: json_schema"),
        Capabilities(AnswerFormat.JSON_WITH_SCHEMA),
    ),
    "vLLM without a grammar backend": (
        (lambda b: form_of(b) is not None and bounded_form(b), 400, ("The provided JSON schema contains features not "
         "supported by xgrammar.")),
        Capabilities(AnswerFormat.SCHEMA),
    ),
    "LiteLLM before a model that knows less": (
        (lambda b: "seed" in b, 400, "litellm.UnsupportedParamsError: cohere does not support parameters: ['seed']"),
        (lambda b: form_of(b) is not None, 400, ("litellm.UnsupportedParamsError: cohere does not support parameters: "
         "['response_format']")),
        Capabilities(AnswerFormat.TEXT, seed=False),
    ),
    "Mistral": (
        (lambda b: "seed" in b, 422, "Extra inputs are not permitted: body.seed"),
        Capabilities(seed=False),
    ),
    "Gemini's compatible endpoint": (
        (lambda b: "additionalProperties" in json.dumps(b), 400, ("Invalid JSON payload received. Unknown name "
         '"additionalProperties" at response_schema: Cannot find field.')),
        Capabilities(AnswerFormat.JSON),
    ),
    "a chat template without a system role": (
        (lambda b: b["messages"][0]["role"] == "system", 500, "Jinja Exception: System role not supported"),
        Capabilities(system_role=False),
    ),
    "a server that wants heat": (
        (lambda b: b.get("temperature") == 0, 422, "`temperature` must be strictly positive"),
        Capabilities(temperature=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_each_vendor_refuses_is_found_out_once(stage, server, vendor):
    *refusals, known = VENDORS[vendor]
    strict = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}},
        "additionalProperties": False,
    }

    def answer(body):
        for refuses, status, message in refusals:
            if refuses(body):
                return stage.Answer(status, {"error": {"message": message}})
        return stage.Answer(200, stage.completion('{"a": ""}'))

    server.script = [answer]
    chat = OpenAiChat(Endpoint(server.url, "tiny"), QUICK)
    asked = ChatRequest((("system", "s"), ("user", "u")), strict, 100)
    assert chat.complete_all([asked])[0].ending is Ending.ANSWERED
    assert chat.capabilities == known
    probing = len(server.requests)
    assert probing <= 1 + 5  # one a step down
    assert [r.ending for r in chat.complete_all([asked] * 3)] == [Ending.ANSWERED] * 3
    assert len(server.requests) == probing + 3
    assert {"s", "u"} <= set("".join(m["content"] for m in json.loads(server.requests[-1])["messages"]))


@pytest.mark.parametrize(
    ("status", "body", "ending", "trouble"),
    [
        (400, "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
         Ending.REFUSED, None),
        (403, "Your chosen model requires moderation and your input was flagged", Ending.REFUSED, None),
        (400, "This model's maximum context length is 4096 tokens. However, you requested 6100 tokens",
         Ending.FAILED, Trouble.TOO_LARGE),
        (413, "Request too large", Ending.FAILED, Trouble.TOO_LARGE),
        (400, "tiny is not a valid model ID", Ending.FAILED, Trouble.NOT_FOUND),
        (404, "No endpoints found that support the requested parameters", Ending.FAILED, Trouble.NOT_FOUND),
        (402, "Insufficient credits", Ending.FAILED, Trouble.KEY_REJECTED),
    ],
)  # fmt: skip
def test_what_no_other_form_would_cure_is_asked_once(stage, server, status, body, ending, trouble):
    server.script = [stage.Answer(status, {"error": {"message": body}})]
    reply = ask(server)
    assert (reply.ending, reply.trouble, len(server.requests)) == (ending, trouble, 1)


def test_an_error_that_a_gateway_wraps_as_a_success_is_one(stage, server):
    server.script = [stage.Answer(200, {"error": {"code": 502, "message": "provider returned error"}}),
                     stage.Answer(200, {"error": {"code": 429, "message": "slow down"}}),
                     stage.Answer(200, stage.completion("{}"))]  # fmt: skip
    assert ask(server).ending is Ending.ANSWERED
    server.script = [stage.Answer(200, {"error": {"code": "x", "message": "input flagged"}})]
    assert ask(server).ending is Ending.REFUSED


def test_a_server_that_rejects_everything_is_given_up_on(stage, server):
    server.script = [stage.Answer(400, {"error": {"message": "nobody likes this"}})]
    replies = ask(server, ClientOptions(timeout_s=5, attempts=1, wait_s=0.01, concurrency=1, give_up_after=2), count=9)
    assert [reply.trouble for reply in replies[:2]] == [Trouble.BAD_REQUEST] * 2
    assert {reply.trouble for reply in replies[2:]} == {Trouble.GIVEN_UP}


def test_damaged_knowledge_of_a_server_is_found_out_again():
    assert capabilities_from_document({}) is None
    assert capabilities_from_document({**Capabilities().to_document(), "answer_format": 9}) is None
    assert capabilities_from_document({**Capabilities().to_document(), "limit_name": "messages"}) is None


def test_what_is_sent_names_the_model_and_asks_for_the_same_answer_twice(stage, server):
    server.script = [stage.Answer(200, stage.completion("{}"))]
    ask(server)
    body = json.loads(server.requests[0])
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("tiny", 0, 100)
    assert isinstance(body["seed"], int)
    assert server.headers[0]["authorization"] == "Bearer sk-secret"
