"""Claims, summaries and labels by Groq: their requests, and which answers they accept."""

from __future__ import annotations

from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.extract import extract_claims
from pipeline.errors import BackstoryError, LLMError
from pipeline.llm.client import GroqClient
from pipeline.llm.tasks import TEXTS_PER_REQUEST, claims_by_llm, labels_by_llm, summaries_by_llm
from pipeline.records import Claim
from tests.pipeline.llm.conftest import INJECTION, MakeClient
from tests.pipeline.llm.groq_server import (
    GroqServer,
    completes,
)

EDMOND = "Edmond Dantès"
SAIL = Claim("c1-x", EDMOND, "event", "unspecified", "unspecified", "Edmond Dantès sailed to Elba.")


def entry(text: str, kind: str = "event") -> dict[str, str]:
    return {"text": text, "type": kind, "time_scope": "childhood", "stability": "long_term"}


def test_claims_by_llm_have_the_ids_of_the_rules(server: GroqServer, make_client: MakeClient) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    backstory = "Edmond Dantès sailed to Elba. Edmond came home in February."
    ruled = extract_claims(backstory, EDMOND, nlp)
    server.script(completes({"claims": [entry(claim.text) for claim in ruled]}))
    found = claims_by_llm(make_client(), backstory, EDMOND)
    assert [(claim.id, claim.text) for claim in found] == [(claim.id, claim.text) for claim in ruled]


def test_claims_by_llm_name_their_character_and_come_once(server: GroqServer, make_client: MakeClient) -> None:
    answer = [entry("He was  a sailor. "), entry("Dantès feared dogs.", "trait"), entry("He was a sailor.", "trait")]
    server.script(completes({"claims": answer}))
    found = claims_by_llm(make_client(), "He was a sailor who feared dogs.", "Edmond Dantès/Monte Cristo")
    assert [(claim.text, claim.type) for claim in found] == [
        ("Edmond Dantès was a sailor.", "event"),
        ("Dantès feared dogs.", "trait"),
    ]
    assert {(claim.character, claim.time_scope, claim.stability) for claim in found} == {
        ("Edmond Dantès/Monte Cristo", "childhood", "long_term")
    }


@pytest.mark.parametrize("claims", [[], [entry("  ")], [entry("He slept.", "rumour")], [{"text": "He slept."}]])
def test_claims_by_llm_rejects_what_is_not_a_list_of_claims(
    claims: list[object], server: GroqServer, make_client: MakeClient
) -> None:
    server.script(*[completes({"claims": claims})] * 2)
    with pytest.raises(LLMError):
        claims_by_llm(make_client(), "He slept.", EDMOND)


def test_claims_by_llm_makes_no_request_for_an_empty_backstory(server: GroqServer, make_client: MakeClient) -> None:
    with pytest.raises(BackstoryError, match="empty"):
        claims_by_llm(make_client(), " \n", EDMOND)
    assert server.requests == []


def test_summaries_by_llm_come_in_the_order_of_the_texts(server: GroqServer, make_client: MakeClient) -> None:
    texts = [f"Text {number}." for number in range(TEXTS_PER_REQUEST + 1)]
    names = [f"passage_{number}" for number in range(1, TEXTS_PER_REQUEST + 1)]
    server.script(
        completes({name: f"Summary\nof {text}" for name, text in reversed(list(zip(names, texts, strict=False)))}),
        completes({"passage_1": f"Summary of {texts[-1]}"}),
    )
    assert summaries_by_llm(make_client(), texts) == [f"Summary of {text}" for text in texts]
    assert [list(request.schema["properties"]) for request in server.requests] == [names, ["passage_1"]]
    assert [request.texts[1].count("begins\n") for request in server.requests] == [TEXTS_PER_REQUEST, 1]


def test_summaries_by_llm_rejects_a_missing_one(server: GroqServer, make_client: MakeClient) -> None:
    server.script(*[completes({"passage_1": "One."})] * 2)
    with pytest.raises(LLMError, match="'passage_2' is a required property"):
        summaries_by_llm(make_client(), ["a", "b"])


def weights(support: float, contradict: float, irrelevant: float) -> dict[str, float]:
    return {"support": support, "contradict": contradict, "irrelevant": irrelevant}


def test_labels_by_llm_are_normalised_and_in_the_order_of_the_passages(
    server: GroqServer, make_client: MakeClient
) -> None:
    server.script(completes({"passage_2": weights(0, 0.6, 0.6), "passage_1": weights(1, 0, 0)}))
    assert labels_by_llm(make_client(), SAIL, ["He sailed.", "He stayed."]) == [weights(1, 0, 0), weights(0, 0.5, 0.5)]
    assert SAIL.text in server.requests[0].texts[1]


@given(st.tuples(*[st.floats(0, 1)] * 3).filter(any))
def test_labels_by_llm_sum_to_one(given_weights: tuple[float, float, float]) -> None:
    class FakeClient(GroqClient):
        def __init__(self) -> None:
            pass

        def complete_json(self, task: str, **_: Any) -> dict[str, Any]:
            return {"passage_1": weights(*given_weights)}

    [label] = labels_by_llm(FakeClient(), SAIL, ["He sailed."])
    assert sum(label.values()) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in label.values())


@pytest.mark.parametrize("bad", [weights(0, 0, 0), weights(80, 10, 10), weights(-0.1, 1, 0.1), {"support": 1}])
def test_labels_by_llm_rejects_what_are_not_probabilities(
    bad: dict[str, float], server: GroqServer, make_client: MakeClient
) -> None:
    server.script(completes({"passage_1": bad}), completes({"passage_1": weights(1, 0, 0)}))
    assert labels_by_llm(make_client(), SAIL, ["He sailed."]) == [weights(1, 0, 0)]
    assert len(server.requests) == 2


def test_summaries_and_labels_of_nothing_make_no_request(server: GroqServer, make_client: MakeClient) -> None:
    client = make_client()
    assert summaries_by_llm(client, []) == []
    assert labels_by_llm(client, SAIL, []) == []
    assert server.requests == []


def test_tasks_reject_answers_of_a_model_that_obeys_the_novel(server: GroqServer, make_client: MakeClient) -> None:
    server.script(*[completes({"pwned": True})] * 6)
    client = make_client()
    for attempt in (
        lambda: labels_by_llm(client, SAIL, [INJECTION]),
        lambda: claims_by_llm(client, INJECTION, EDMOND),
        lambda: summaries_by_llm(client, [INJECTION]),
    ):
        with pytest.raises(LLMError, match="two invalid answers"):
            attempt()
