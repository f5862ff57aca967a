"""Answers that the client stores and returns again, and the calls and tokens that it counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import CacheError
from pipeline.llm.client import PRICES, GroqClient, Usage
from pipeline.storage.answers import AnswerCache
from tests.pipeline.command_line import rows_of
from tests.pipeline.llm.conftest import CONFIG, GOOD, KEY, SCHEMA, MakeClient, complete, stored
from tests.pipeline.llm.groq_server import (
    GroqServer,
    completes,
    sends,
)


def test_stored_answer_is_returned_without_a_call(server: GroqServer, make_client: MakeClient, tmp_path: Path) -> None:
    server.script(completes(GOOD))
    complete(make_client())
    later = make_client()
    assert complete(later) == GOOD
    assert len(server.requests) == 1
    assert later.usage == Usage(CONFIG.model, cached=1)
    assert stored(tmp_path) == 1


def test_any_other_request_has_an_answer_of_its_own(
    server: GroqServer, make_client: MakeClient, tmp_path: Path
) -> None:
    other = SCHEMA | {"description": "colours"}
    server.script(*[completes(GOOD)] * 5)
    complete(make_client())
    complete(make_client(), "It was blue.")
    complete(make_client(), schema=other)
    complete(make_client(model="openai/gpt-oss-20b"))
    make_client().complete_json("colours", schema=SCHEMA, system="Name them.", data={"passage": "It was red."})
    assert len(server.requests) == stored(tmp_path) == 5


@pytest.mark.parametrize("damage", [{}, {"colours": 1}, [1], "red", 0])
def test_damaged_answer_is_requested_again_and_replaced(
    damage: object, server: GroqServer, make_client: MakeClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(completes(GOOD), completes(GOOD))
    complete(make_client())
    answers = AnswerCache(tmp_path / "answers")
    ((key, whole),) = json.loads(rows_of(answers.folder / "cache.db"))
    answers.store(key, damage)
    assert complete(make_client()) == GOOD
    assert json.loads(rows_of(answers.folder / "cache.db")) == [[key, whole]]
    assert "is damaged and is requested again" in caplog.text


def test_stored_answer_is_validated_against_tighter_bounds(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes(GOOD), completes(GOOD | {"weight": 0.1}))
    complete(make_client())
    tighter = json.loads(json.dumps(SCHEMA).replace('"minimum": 0', '"maximum": 0.2'))
    assert complete(make_client(), schema=tighter)["weight"] == 0.1


def test_answer_that_cannot_be_stored_is_an_error(server: GroqServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    server.script(completes(GOOD))
    client = GroqClient(CONFIG, key=KEY, answers=AnswerCache(tmp_path / "file" / "answers"), base_url=server.url)
    with pytest.raises(CacheError, match="answers cannot be cached"):
        complete(client)


def test_usage_counts_calls_and_tokens_of_invalid_answers_too(server: GroqServer, make_client: MakeClient) -> None:
    server.script(completes("no", read=1000, written=10), completes(GOOD, read=2000, written=20))
    client = make_client()
    complete(client)
    assert client.usage == Usage(CONFIG.model, calls=2, prompt_tokens=3000, completion_tokens=30)


def test_usage_counts_no_tokens_where_the_service_reports_none(server: GroqServer, make_client: MakeClient) -> None:
    server.script(sends(json.dumps({"choices": [{"message": {"content": json.dumps(GOOD)}}]})))
    client = make_client()
    complete(client)
    assert client.usage == Usage(CONFIG.model, calls=1)


def test_usage_estimates_the_cost_of_a_model_with_a_known_price() -> None:
    usage = Usage("openai/gpt-oss-120b", calls=3, cached=2, prompt_tokens=2_000_000, completion_tokens=1_000_000)
    assert usage.dollars == pytest.approx(0.9)
    assert str(usage) == (
        "Groq, openai/gpt-oss-120b: 3 calls, 2 answers from the cache, 2000000 tokens read, 1000000 written, "
        "about $0.9000 at the prices of October 2026"
    )
    assert CONFIG.model in PRICES


def test_usage_has_no_cost_for_a_model_of_unknown_price() -> None:
    assert Usage("a/model").dollars is None
    assert str(Usage("a/model", calls=1)).endswith("0 tokens read, 0 written, price of this model unknown")
