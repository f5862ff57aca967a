"""Examples are the same for the same step, and perturbed only as configured."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingError, TableError
from pipeline.training.examples import CLAIMS_PER_EXAMPLE, BookExamples, Example, ExampleConfig
from pipeline.training.negatives import find_names
from tests.pipeline.training.little_books import BOOKS, CHANGES, PREMISES, make_book, make_source

STEPS = st.integers(0, 10_000).map(str)


def labels(example: Example) -> list[str]:
    return [claim.label for claim in example.claims]


@pytest.mark.parametrize(
    "changes",
    [{"claims": -0.1}, {"rename": 1.5}, {"nli": float("nan")}, {"fewest_words": 0}, {"fewest_words": 300}],
)
def test_example_settings_that_are_not_valid_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(changes))) as caught:
        ExampleConfig(**changes)
    assert "\n" not in str(caught.value)


@given(step=STEPS, count=st.integers(1, 8))
def test_same_step_draws_the_same_examples(step: str, count: int) -> None:
    first = make_source(premises=PREMISES, nli=0.2, rename=0.5, no_evidence=0.2, wrong_evidence=0.2)
    second = make_source(premises=PREMISES, nli=0.2, rename=0.5, no_evidence=0.2, wrong_evidence=0.2)
    second.draw("another", 5)
    examples = first.draw(step, count)
    assert examples == second.draw(step, count) and len(examples) == count
    assert first.draw(step + "1", 20) != first.draw(step + "2", 20)


@given(step=STEPS)
def test_example_has_a_true_claim_false_ones_and_an_unrelated_one(step: str) -> None:
    for example in make_source().draw(step, 8):
        assert labels(example)[0] == "supported" and "contradicted" in labels(example)
        assert labels(example)[-1] == "not_stated" and len(example.claims) <= CLAIMS_PER_EXAMPLE
        assert len({claim.text for claim in example.claims if claim.label != "contradicted"}) == 2
        false = [claim for claim in example.claims if claim.label == "contradicted"]
        assert all(claim.true == example.claims[0].text != claim.text for claim in false)


@given(step=STEPS)
def test_evidence_is_some_of_the_chosen_sentences_in_the_order_of_the_book(step: str) -> None:
    sentences = {
        text: (row["book"], place) for row in BOOKS for text, place in zip(row["sentences"], row["places"], strict=True)
    }
    for example in make_source(outline=0.0).draw(step, 8):
        found = [sentences[sentence] for sentence in example.evidence]
        assert found == sorted(found) and len({book for book, _ in found}) == 1


def test_evidence_keeps_its_first_sentence_and_its_budget() -> None:
    book, rng = BookExamples(BOOKS[0], CHANGES, random.Random(0)), random.Random(0)
    tight = ExampleConfig(fewest_words=1, most_words=1, drop_sentence=0.0)
    assert book.evidence([3, 0, 1], tight, rng) == (book.sentences[3],)
    wide = ExampleConfig(fewest_words=200, most_words=200, drop_sentence=0.0)
    assert book.evidence([3, 0, 1], wide, rng) == tuple(book.sentences[number] for number in (0, 1, 3))


def test_incomplete_pairs_are_left_out() -> None:
    book = BookExamples(BOOKS[0], CHANGES, random.Random(0))
    assert [pair[1]["text"] for pair in book.pairs] == ["In the spring Dimsdale sold the mill of Whitby."]


@given(step=STEPS)
def test_without_evidence_nothing_is_stated_and_the_claim_only_label_is_set(step: str) -> None:
    for example, whole in zip(make_source(no_evidence=1.0).draw(step, 4), make_source().draw(step, 4), strict=True):
        assert example.evidence == () and set(labels(example)) == {"not_stated"}
        assert example.claims[0].claim_only == "supported"
        assert labels(whole)[0] == "supported" and all(claim.claim_only is None for claim in whole.claims)


@given(step=STEPS)
def test_given_unrelated_evidence_nothing_is_stated(step: str) -> None:
    for example in make_source(wrong_evidence=1.0).draw(step, 4):
        assert example.evidence and set(labels(example)) == {"not_stated"}
        assert all(claim.claim_only is None for claim in example.claims)


def test_claim_without_retrieved_evidence_is_not_supported() -> None:
    row = make_book("Mill", ("Dimsdale", "Hester"), "Whitby")
    unfound = {**row, "claims": [{**claim, "evidence": [], "outline": []} for claim in row["claims"]]}
    for example in make_source([unfound], statements=0.0).draw("1", 20):
        assert example.evidence == () and set(labels(example)) == {"not_stated"}
        assert example.claims[0].claim_only == "supported" and example.claims[1].claim_only == "contradicted"


def test_a_book_of_one_pair_has_no_unrelated_claim() -> None:
    row = {**make_book("Mill", ("Dimsdale", "Hester"), "Whitby"), "statements": []}
    for example in make_source([row], outline=0.0).draw("1", 20):
        assert "not_stated" not in labels(example) and "supported" in labels(example)


@given(step=STEPS)
def test_renaming_is_the_same_in_evidence_and_claims(step: str) -> None:
    plain, renamed = make_source(), make_source(rename=1.0)
    plain.names = renamed.names = ["Abel", "Boris", "Cyril", "Doris", "Edgar", "Fanny"]
    for before in plain.draw(step, 6):
        book = next(book for book in renamed.books if any(name in before.claims[0].text for name in book.names))
        after = renamed._rename(book, before)
        new: dict[str, str] = {}
        texts = [(a, b) for a, b in zip(before.evidence, after.evidence, strict=True)]
        texts += [(a.text, b.text) for a, b in zip(before.claims, after.claims, strict=True)]
        texts += [(a.true, b.true) for a, b in zip(before.claims, after.claims, strict=True) if a.true and b.true]
        for old_text, new_text in texts:
            for old, name in zip(old_text.split(), new_text.split(), strict=True):
                assert new.setdefault(old, name) == name
        changed = {old.strip(".,"): name.strip(".,") for old, name in new.items() if old != name}
        assert set(changed) <= book.names and changed
        assert len(set(changed.values())) == len(changed) and set(changed.values()) <= set(renamed.names)
        assert labels(before) == labels(after)


@given(step=STEPS)
def test_renamed_examples_name_only_persons_of_some_book(step: str) -> None:
    known = {name for row in BOOKS for text in row["sentences"] for name in find_names(text)}
    for example in make_source(rename=1.0).draw(step, 6):
        assert {name for claim in example.claims for name in find_names(claim.text)} <= known


def test_evidence_edited_like_the_negative_swaps_the_labels() -> None:
    swapped = 0
    for example in make_source(statements=1.0, claims=0.0, outline=0.0, counterfactual=1.0).draw("7", 200):
        assert "supported" in labels(example)
        if labels(example)[0] == "contradicted":
            swapped += 1
            true, negative, *others = example.claims
            assert negative.label == "supported" and true.true == negative.text
            assert all(claim.true == negative.text for claim in others if claim.label == "contradicted")
            original = {text for row in BOOKS for text in row["sentences"]}
            assert not set(example.evidence) <= original
    assert swapped > 20


def test_hidden_evidence_leaves_the_labels() -> None:
    for example in make_source(hide_evidence=True).draw("1", 8):
        assert example.evidence == () and labels(example)[0] == "supported"


def test_premises_are_evidence_of_their_hypotheses() -> None:
    (example,) = make_source(premises=PREMISES, claims=0.0, statements=0.0, outline=0.0, nli=1.0).draw("1", 1)
    assert example.evidence == ("A dog sleeps.",)
    assert {(claim.text, claim.label) for claim in example.claims} == set(PREMISES[0][1])


def test_outline_examples_have_statements_as_evidence() -> None:
    for example in make_source(claims=0.0, statements=0.0, outline=1.0).draw("1", 8):
        assert set(example.evidence) <= {item["text"] for row in BOOKS for item in row["statements"]}


def test_source_without_claims_or_statements_is_an_error() -> None:
    empty = {"book": "Mill", "sentences": [], "places": [], "claims": [], "statements": []}
    with pytest.raises(TableError, match="no statement"):
        make_source([empty])
