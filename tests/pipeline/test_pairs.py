"""The whole path with what ships, on ten pairs of backstories: what is judged right today stays right.

Those of the bundled story are judged in ``test_demo.py``, on its reading.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from pipeline.run import Pipeline
from tests.pipeline import backstory_pairs
from tests.pipeline.backstory_pairs import CONFIG, PairFile, Verdicts, judge, novel_folders, outcome, table

PAGE = Path(__file__).resolve().parents[2] / "runs" / "pairs.md"
FILES = {file.path.stem: file for file in backstory_pairs.load_all()}
BOOKS = [pytest.param(name, marks=[pytest.mark.data] if file.sha256 else []) for name, file in FILES.items()]
BUNDLED = "the_unlit_hour"
OTHERS = [pytest.param(name, marks=pytest.mark.data) for name, file in FILES.items() if file.sha256]
PAIRS = [pytest.param(name, pair, id=pair.id) for name, file in FILES.items() for pair in file.pairs]


@pytest.fixture
def _two_threads() -> Iterator[None]:
    """Compute on two threads: with one the pairs of a novel take many minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    yield
    torch.set_num_threads(before)


def pairs_of(name: str) -> tuple[backstory_pairs.BackstoryPair, ...]:
    """Return the pairs to judge: all of them where NOVEL_DATA is given, else two, as each takes half a minute."""
    pairs = tuple(FILES[name].pairs)
    return pairs if os.environ.get("NOVEL_DATA") else pairs[:2]


@cache
def judged(name: str, cache_dir: Path | None = None) -> tuple[str, dict[str, Verdicts]]:
    """Return the text of a novel and the verdicts on its pairs; the novel is read once for all tests."""
    pipeline = Pipeline(CONFIG, cache_dir=cache_dir)
    book = pipeline.open_book(novel_of(FILES[name]))
    return book.novel.text, judge(pipeline, book, pairs_of(name))


def novel_of(file: PairFile) -> Path:
    """Return the novel of a file of pairs, or skip the test where it is not here."""
    novel = file.novel(novel_folders())
    if novel is None:
        pytest.skip(f"NOVEL_DATA names no folder with {file.book}.txt as data/plain_claims/novels.csv has it")
    return novel


def check_quotations(text: str, verdicts: dict[str, Verdicts]) -> None:
    """Check that every claim has ten passages, each quoted word for word."""
    both = [half for halves in verdicts.values() for half in halves.values()]
    shown = [passage for verdict in both for claim in verdict.claims for passage in claim.pairs]
    assert len(shown) == 10 * sum(len(verdict.claims) for verdict in both)
    assert [passage for passage in shown if passage.quotation != text[passage.start : passage.end]] == []


def check_outcomes(name: str, text: str, verdicts: dict[str, Verdicts]) -> None:
    """Check that no outcome is worse than the recorded one; warn of those that are better."""
    pairs = pairs_of(name)
    found = {pair.id: outcome(text, pair, verdicts[pair.id]) for pair in pairs}
    recorded = {pair.id: pair.expected for pair in pairs if pair.expected}
    for word in backstory_pairs.RIGHT:
        before, now = ({id_ for id_, own in some.items() if own.right[word]} for some in (recorded, found))
        assert before - now == set(), word
        if now > before:
            better = f"{FILES[name].book}, {word}: {', '.join(sorted(now - before))}"
            warnings.warn(f"better than recorded, record it: {better}", stacklevel=1)
    flags = [sum(len(own.false_flags) for own in some.values()) for some in (recorded, found)]
    assert flags[1] <= flags[0], [own.false_flags for own in found.values()]


def test_pairs_are_ten_in_every_difficulty() -> None:
    pairs = [pair for file in FILES.values() for pair in file.pairs]
    assert len(pairs) == 10
    assert sorted(pair.difficulty for pair in pairs) == ["direct"] * 3 + ["inference"] * 3 + ["reference"] * 4
    assert len({pair.type for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(("name", "pair"), PAIRS)
def test_twins_differ_in_one_sentence(name: str, pair: backstory_pairs.BackstoryPair) -> None:
    broken, places = pair.broken, range(1, len(pair.backstory) + 1)
    assert 4 <= len(pair.backstory) <= 7
    assert broken.number in places
    assert set(pair.open) <= set(places) - {broken.number}
    assert broken.claimed in broken.sentence
    assert broken.claimed not in pair.backstory[broken.number - 1]
    assert broken.found in broken.evidence
    assert pair.expected is not None


@pytest.mark.parametrize("name", BOOKS)
def test_evidence_against_the_broken_sentence_is_in_the_novel_once(name: str) -> None:
    text = novel_of(FILES[name]).read_text(encoding="utf-8")
    assert [pair.id for pair in FILES[name].pairs if text.count(pair.broken.evidence) != 1] == []


def test_page_has_the_recorded_outcomes() -> None:
    assert table(FILES.values()) in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("shipped_judge", "_two_threads")
@pytest.mark.parametrize("name", OTHERS)
def test_pairs_are_judged_with_verbatim_quotations(name: str) -> None:
    check_quotations(*judged(name))


@pytest.mark.slow
@pytest.mark.usefixtures("shipped_judge", "_two_threads")
@pytest.mark.parametrize("name", OTHERS)
def test_pairs_that_are_right_stay_right(name: str) -> None:
    check_outcomes(name, *judged(name))
