"""Plain claims are stored with the sentences that their examples need, in the form that training reads."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Repair, Span
from pipeline.tables.plain_claims import PlainClaim
from pipeline.training.plain_claims import PlainBook
from pipeline.training.prepared_claims import PreparedClaim, found_shares, pool_claims, prepare_rows, sentences_at
from tests.pipeline.judging.little_book import make_book

LONG = make_book([[f"Sentence {number} is here." for number in range(20)]])
STORY = make_book(
    [["In the spring old Dimsdale had sold the mill to a stranger.", "It rained.", "Hester was seen near Agnes then."]]
)


def claim(text: str, label: Any, pair: str | None = "f") -> PlainClaim:
    return PlainClaim(f"{pair}-{label}", "The Mill", "Dimsdale", text, label, ("x",), "event", "direct", pair)


def prepared(gold: tuple[int, ...] = (), near: tuple[int, ...] = ()) -> tuple[PreparedClaim, ...]:
    texts = (("He sold the mill.", "supported"), ("He sold the farm.", "contradicted"))
    return tuple(PreparedClaim(claim(text, label), gold, near) for text, label in texts)


@given(st.integers(0, 19), st.integers(0, 19))
def test_sentences_of_a_range_are_those_that_it_touches(one: int, other: int) -> None:
    first, last = sorted((one, other))
    span = Span(LONG.sentences[first].start + 3, LONG.sentences[last].start + 5)
    assert sentences_at(LONG, [span]) == tuple(range(first, last + 1))


def test_sentences_of_several_ranges_come_once_in_order() -> None:
    spans = [LONG.sentences[7], LONG.sentences[2], LONG.sentences[7]]
    assert sentences_at(LONG, spans) == (2, 7)
    assert sentences_at(LONG, []) == ()


def test_needed_sentences_are_the_windows_and_what_is_around_the_evidence() -> None:
    rows = prepare_rows(LONG, "The Mill", prepared((10,), (4, 0, 18)), shown=0, seed=0)
    shown = [number for number, sentence in enumerate(rows["sentences"]) if sentence]
    assert shown == [0, 3, 4, 8, 9, 10, 11, 12, 17, 18]
    assert len(rows["sentences"]) == 20 and rows["sentences"][4] == "Sentence 4 is here."


def test_evidence_at_the_ends_of_a_book_is_shown() -> None:
    rows = prepare_rows(LONG, "The Mill", prepared((0, 19)), shown=0, seed=0)
    assert [number for number, sentence in enumerate(rows["sentences"]) if sentence] == [0, 1, 2, 17, 18, 19]


def test_other_sentences_are_drawn_by_the_seed() -> None:
    def drawn(seed: int, shown: int = 5) -> list[str]:
        return list(prepare_rows(LONG, "The Mill", (), shown=shown, seed=seed)["sentences"])

    assert drawn(1) == drawn(1) != drawn(2)
    assert sum(map(bool, drawn(1))) == 5
    assert all(drawn(1, shown=99))


def test_training_reads_what_is_prepared() -> None:
    book = PlainBook(prepare_rows(LONG, "The Mill", prepared((10,), (4, 10)), shown=0, seed=0))
    true, false = book.settled
    assert (book.title, true.label, true.twin) == ("The Mill", "supported", "He sold the farm.")
    assert (false.gold, false.near, false.foreign(false.near)) == ((10,), (4, 10), [4])
    assert book.window(10) == "Sentence 9 is here. Sentence 10 is here."


def test_sentences_are_on_one_line_and_repaired() -> None:
    book = make_book([["She sold the mi-\nll\nhere."]])
    place = book.novel.text.index("-\n")
    repaired = type(book.novel)(**{**vars(book.novel), "repairs": (Repair(place, place + 2, ""),)})
    book = type(book)(repaired, book.sentences, book.chunks, (), book.index)
    assert prepare_rows(book, "x", (), shown=1, seed=0)["sentences"] == ["She sold the mill here."]


def test_statements_of_the_pool_are_given_or_those_of_the_novel() -> None:
    (own, *_), (given_, *_) = (pool_claims(STORY, one, {}, most=9, seed=0) for one in ((), [("Tom", "He fled.")]))
    assert (own.character, own.text) == ("", "In the spring old Dimsdale had sold the mill to a stranger.")
    assert (given_.character, given_.text) == ("Tom", "He fled.")
    assert all(one.label == "not_stated" and one.pair is None and not one.evidence for one in (own, given_))


def test_details_of_statements_are_changed() -> None:
    given_ = [("", "He sold the mill."), ("", "He lost the mill.")]
    claims = pool_claims(STORY, given_, {"mill": ["farm"]}, most=2, seed=0)
    assert {one.id: one.text for one in claims} == {
        "1": "He sold the mill.",
        "1-changed": "He sold the farm.",
        "2": "He lost the mill.",
        "2-changed": "He lost the farm.",
    }
    drawn = [pool_claims(STORY, given_, {}, most=1, seed=seed)[0].text for seed in range(8)]
    assert set(drawn) == {"He sold the mill.", "He lost the mill."}


def test_found_is_the_share_of_claims_with_evidence_among_the_first_windows() -> None:
    rows = [
        {"label": "supported", "gold": [1], "near": [5, 1]},
        {"label": "supported", "gold": [2, 3], "near": [3, 2]},
        {"label": "contradicted", "gold": [1], "near": [5, 6]},
        {"label": "not_stated", "gold": [], "near": [1]},
    ]
    assert found_shares(rows, (2, 1)) == {"supported": [1.0, 0.5], "contradicted": [0.0, 0.0]}
    assert found_shares([], (2, 1)) == {"supported": [], "contradicted": []}
