"""Requests of the client, invalid answers and failures, against a real HTTP server on loopback."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import LLMError
from pipeline.llm.client import GroqClient
from pipeline.storage.answers import AnswerCache
from tests.pipeline.llm.conftest import CONFIG, GOOD, INJECTION, KEY, SCHEMA, MakeClient, complete, stored
from tests.pipeline.llm.groq_server import (
    GroqServer,
    Reply,
    completes,
    fails,
    hangs_up,
    sends,
    stays_silent,
)

BAD_ANSWERS: list[tuple[Reply, str]] = [
    (completes("Here you are: {"), "it is not valid JSON"),
    (completes('{"colours": ["red"], "wei', reason="length"), "cut off at the model's limit"),
    (completes('{"colours": ["red"], "weight": NaN}'), "it is not valid JSON"),
    (completes('{"colours": ["\\ud800x"], "weight": 1}'), "it is not valid JSON"),
    (completes("[" * 100_000), "it is not valid JSON"),
    (completes([GOOD]), "is not of type 'object'"),
    (completes({"colours": ["red"]}), "'weight' is a required property"),
    (completes({"colours": [], "weight": 1}), "[] should be non-empty"),
    (completes({"colours": ["red"], "weight": -1}), "-1 is less than the minimum"),
    (sends(json.dumps({"choices": [{"message": {"content": None}}]})), "not a chat completion with a text"),
    (sends(json.dumps({"choices": []})), "not a chat completion with a text"),
    (sends("<html>", headers={"Content-Type": "text/html"}), "not a chat completion with a text"),
    (fails(400, "Failed to generate JSON.", code="json_validate_failed"), "the service found no valid JSON in it"),
]


def test_request_is_a_chat_completion_with_the_schema(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes(GOOD))
    assert complete(make_client()) == GOOD
    [request] = server.requests
    assert request.path == "/openai/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == CONFIG.model
    assert request.body["response_format"]["json_schema"]["strict"] is True


def test_request_has_the_schema_without_its_bounds(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes(GOOD))
    complete(make_client())
    assert server.requests[0].schema == SCHEMA | {
        "properties": {"colours": {"type": "array", "items": {"type": "string"}}, "weight": {"type": "number"}}
    }


def test_request_is_strict_for_models_that_support_it(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes(GOOD))
    complete(make_client(model="qwen/qwen3.8-27b"))
    assert server.requests[0].body["response_format"]["json_schema"]["strict"] is False


def test_request_has_a_question_mark_for_an_unpaired_surrogate(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes(GOOD))
    complete(make_client(), "caf\udce9")
    assert "\ncaf?\n" in server.requests[0].texts[1]


@pytest.mark.parametrize(("bad", "reason"), BAD_ANSWERS)
def test_invalid_answer_is_sent_back_once_with_the_reason(
    bad: Reply, reason: str, server: GroqServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(bad, completes(GOOD))
    assert complete(make_client()) == GOOD
    first, second = server.requests
    assert second.texts[:2] == first.texts
    assert reason in second.texts[-1]
    assert "invalid and is requested once more" in caplog.text


def test_two_invalid_answers_are_an_error_and_not_stored(
    server: GroqServer, make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client()
    for bad, reason in BAD_ANSWERS:
        server.script(completes("no"), bad)
        with pytest.raises(LLMError, match="two invalid answers to 'colours'") as caught:
            complete(client)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(server.requests) == 2 * len(BAD_ANSWERS)
    assert stored(tmp_path) == 0


def test_invalid_answer_is_sent_back_cut_to_a_limit(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes("no" * 10_000), completes(GOOD))
    complete(make_client())
    assert server.requests[1].body["messages"][2] == {"role": "assistant", "content": "no" * 2_000}


def test_answer_of_a_model_that_obeys_the_novel_is_invalid(
    server: GroqServer, make_client: MakeClient, tmp_path: Path
) -> None:
    server.script(completes({"pwned": True}), completes({**GOOD, "pwned": True}))
    with pytest.raises(LLMError, match="pwned"):
        complete(make_client(), INJECTION)
    assert stored(tmp_path) == 0


def test_rate_limit_is_waited_for(server: GroqServer, make_client: MakeClient) -> None:
    server.script(fails(429, "too many", headers={"Retry-After": "1"}), completes(GOOD))
    start = time.monotonic()
    assert complete(make_client()) == GOOD
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(
    "trouble",
    [
        (fails(500, "oops"), fails(500, "oops")),
        (hangs_up,),
        (sends(json.dumps(GOOD), missing=10),),
    ],
)
def test_request_is_retried_after_failures_of_the_service(
    trouble: tuple[Reply, ...], server: GroqServer, make_client: MakeClient
) -> None:
    server.script(*trouble, completes(GOOD))
    assert complete(make_client()) == GOOD
    assert len(server.requests) == len(trouble) + 1


def test_lasting_rate_limit_is_an_error_that_names_the_wait(server: GroqServer, make_client: MakeClient) -> None:
    server.script(fails(429, "tokens a minute", headers={"Retry-After": "36"}))
    with pytest.raises(LLMError, match=r"status 429 \(some_error\) and asks to wait 36 s; wait, or raise"):
        complete(make_client(max_retries=0))


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "choose another model"),
        (401, "check GROQ_API_KEY"),
        (403, "its account may use the model"),
        (404, "choose a model of"),
        (413, "give shorter texts"),
    ],
)
def test_request_is_not_retried_after_a_permanent_failure(
    status: int, hint: str, server: GroqServer, make_client: MakeClient
) -> None:
    server.script(fails(status, "because of org_TEST1"), completes(GOOD))
    with pytest.raises(LLMError, match=rf"status {status} \(some_error\); .*{hint}") as caught:
        complete(make_client())
    assert "because" not in str(caught.value)
    assert len(server.requests) == 1


def test_lasting_failure_of_the_service_is_an_error(server: GroqServer, make_client: MakeClient) -> None:
    server.script(sends("<html>\nBad gateway", status=502), sends("<html>\nBad gateway", status=502))
    with pytest.raises(LLMError, match=r"status 502; try again later"):
        complete(make_client(max_retries=1))
    assert len(server.requests) == 2


def test_silent_service_is_an_error(server: GroqServer, make_client: MakeClient) -> None:
    server.script(stays_silent, stays_silent)
    with pytest.raises(LLMError, match=r"did not answer within 0\.2 s in 2 attempts"):
        complete(make_client(timeout_seconds=0.2, max_retries=1))
    assert len(server.requests) == 2


def test_request_is_retried_after_a_time_out(server: GroqServer, make_client: MakeClient) -> None:
    server.script(stays_silent, completes(GOOD))
    assert complete(make_client(timeout_seconds=0.5, max_retries=1)) == GOOD
    assert len(server.requests) == 2


def test_unreachable_service_is_an_error(make_client: MakeClient, server: GroqServer, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:password@127.0.0.1:{closed.getsockname()[1]}"
    client = GroqClient(replace(CONFIG, max_retries=0), key=KEY, answers=AnswerCache(tmp_path), base_url=url)
    with pytest.raises(LLMError, match=r"cannot be reached at 127\.0\.0\.1; check the network") as caught:
        complete(client)
    assert "password" not in str(caught.value)
