"""Packs: evidence and claims that belong together, drawn the same for the same step, disturbed only as they say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingError, TableError
from pipeline.training.examples import SLOTS, Book, Pack, PackConfig
from pipeline.training.negatives import find_names
from tests.pipeline.training.little_books import CHANGES, PREMISES, ROWS, make_row, make_source

STEPS = st.integers(0, 10_000).map(str)


def labels(pack: Pack) -> list[str]:
    return [asked.label for asked in pack.claims]


@pytest.mark.parametrize(
    "changes",
    [{"claims": -0.1}, {"rename": 1.5}, {"nli": float("nan")}, {"fewest_words": 0}, {"fewest_words": 300}],
)
def test_pack_settings_refuse_a_broken_rule(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(changes))) as caught:
        PackConfig(**changes)
    assert "\n" not in str(caught.value)


@given(step=STEPS, count=st.integers(1, 8))
def test_same_step_draws_the_same_packs(step: str, count: int) -> None:
    first = make_source(premises=PREMISES, nli=0.2, rename=0.5, no_evidence=0.2, wrong_evidence=0.2)
    second = make_source(premises=PREMISES, nli=0.2, rename=0.5, no_evidence=0.2, wrong_evidence=0.2)
    second.draw("another", 5)
    packs = first.draw(step, count)
    assert packs == second.draw(step, count) and len(packs) == count
    assert first.draw(step + "1", 20) != first.draw(step + "2", 20)


@given(step=STEPS)
def test_pack_holds_a_true_claim_false_ones_and_one_about_something_else(step: str) -> None:
    for pack in make_source().draw(step, 8):
        assert labels(pack)[0] == "supported" and "contradicted" in labels(pack)
        assert labels(pack)[-1] == "not_stated" and len(pack.claims) <= SLOTS
        assert len({asked.text for asked in pack.claims if asked.label != "contradicted"}) == 2
        false = [asked for asked in pack.claims if asked.label == "contradicted"]
        assert all(asked.true == pack.claims[0].text != asked.text for asked in false)


@given(step=STEPS)
def test_evidence_is_some_of_the_chosen_sentences_in_the_order_of_the_book(step: str) -> None:
    sentences = {
        text: (row["book"], place) for row in ROWS for text, place in zip(row["sentences"], row["place"], strict=True)
    }
    for pack in make_source(notes=0.0).draw(step, 8):
        found = [sentences[sentence] for sentence in pack.evidence]
        assert found == sorted(found) and len({book for book, _ in found}) == 1


def test_evidence_keeps_its_first_sentence_and_its_budget() -> None:
    book, chance = Book(ROWS[0], CHANGES, random.Random(0)), random.Random(0)
    tight = PackConfig(fewest_words=1, most_words=1, drop_sentence=0.0)
    assert book.evidence([3, 0, 1], tight, chance) == (book.sentences[3],)
    wide = PackConfig(fewest_words=200, most_words=200, drop_sentence=0.0)
    assert book.evidence([3, 0, 1], wide, chance) == tuple(book.sentences[number] for number in (0, 1, 3))


def test_claims_without_their_twin_are_not_asked() -> None:
    book = Book(ROWS[0], CHANGES, random.Random(0))
    assert [pair[1]["text"] for pair in book.pairs] == ["In the spring Dimsdale sold the mill of Whitby."]


@given(step=STEPS)
def test_without_evidence_nothing_is_stated_and_what_the_wording_says_is_kept(step: str) -> None:
    for pack, whole in zip(make_source(no_evidence=1.0).draw(step, 4), make_source().draw(step, 4), strict=True):
        assert pack.evidence == () and set(labels(pack)) == {"not_stated"}
        assert pack.claims[0].alone == "supported"
        assert labels(whole)[0] == "supported" and all(asked.alone is None for asked in whole.claims)


@given(step=STEPS)
def test_before_strange_evidence_nothing_is_stated(step: str) -> None:
    for pack in make_source(wrong_evidence=1.0).draw(step, 4):
        assert pack.evidence and set(labels(pack)) == {"not_stated"}
        assert all(asked.alone is None for asked in pack.claims)


def test_claim_that_found_no_evidence_is_not_called_supported() -> None:
    row = make_row("Mill", ("Dimsdale", "Hester"), "Whitby")
    silent = {**row, "claims": [{**claim, "ev": [], "notes": []} for claim in row["claims"]]}
    for pack in make_source([silent], statements=0.0).draw("1", 20):
        assert pack.evidence == () and set(labels(pack)) == {"not_stated"}
        assert pack.claims[0].alone == "supported" and pack.claims[1].alone == "contradicted"


def test_a_book_of_one_pair_has_nothing_to_say_of_something_else() -> None:
    row = {**make_row("Mill", ("Dimsdale", "Hester"), "Whitby"), "statements": []}
    for pack in make_source([row], notes=0.0).draw("1", 20):
        assert "not_stated" not in labels(pack) and "supported" in labels(pack)


@given(step=STEPS)
def test_renaming_keeps_evidence_and_claims_in_step(step: str) -> None:
    plain, renamed = make_source(), make_source(rename=1.0)
    plain.names = renamed.names = ["Abel", "Boris", "Cyril", "Doris", "Edgar", "Fanny"]
    for before in plain.draw(step, 6):
        book = next(book for book in renamed.books if any(name in before.claims[0].text for name in book.names))
        after = renamed._renamed(book, before)
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
def test_renamed_packs_name_only_persons_of_some_book(step: str) -> None:
    known = {name for row in ROWS for text in row["sentences"] for name in find_names(text)}
    for pack in make_source(rename=1.0).draw(step, 6):
        assert {name for asked in pack.claims for name in find_names(asked.text)} <= known


def test_evidence_edited_like_the_twin_turns_the_labels() -> None:
    turned = 0
    for pack in make_source(statements=1.0, claims=0.0, notes=0.0, counterfactual=1.0).draw("7", 200):
        assert "supported" in labels(pack)
        if labels(pack)[0] == "contradicted":
            turned += 1
            true, twin, *others = pack.claims
            assert twin.label == "supported" and true.true == twin.text
            assert all(asked.true == twin.text for asked in others if asked.label == "contradicted")
            original = {text for row in ROWS for text in row["sentences"]}
            assert not set(pack.evidence) <= original
    assert turned > 20


def test_blind_packs_keep_their_labels_and_lose_their_evidence() -> None:
    for pack in make_source(blind=True).draw("1", 8):
        assert pack.evidence == () and labels(pack)[0] == "supported"


def test_premises_are_evidence_of_their_hypotheses() -> None:
    (pack,) = make_source(premises=PREMISES, claims=0.0, statements=0.0, notes=0.0, nli=1.0).draw("1", 1)
    assert pack.evidence == ("A dog sleeps.",)
    assert {(asked.text, asked.label) for asked in pack.claims} == set(PREMISES[0][1])


def test_notes_stand_in_the_place_of_the_novel() -> None:
    for pack in make_source(claims=0.0, statements=0.0, notes=1.0).draw("1", 8):
        assert set(pack.evidence) <= {item["text"] for row in ROWS for item in row["statements"]}


def test_source_with_nothing_to_ask_is_an_error() -> None:
    empty = {"book": "Mill", "sentences": [], "place": [], "claims": [], "statements": []}
    with pytest.raises(TableError, match="no statement"):
        make_source([empty])
