"""Lexical features are a surplus over an unrelated novel, and zero without a common word."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.evaluation.expected_overlap import ExpectedOverlap, rarity
from pipeline.evaluation.lexical import LEXICAL_SURPLUS, SIGNALS, claim_words, lexical_features, word_signals
from pipeline.judging.passage import Passage

FREQUENCIES = {"keeper": 0.001, "lighthouse": 0.0005, "old": 0.1, "slept": 0.02}
PRIORS = np.linspace(0.0, 0.5, 2 * len(SIGNALS)).reshape(2, -1)
EXPECTED_OVERLAP = ExpectedOverlap(
    SIGNALS, FREQUENCIES, np.array([0.01]), PRIORS, {"keeper": np.full(len(SIGNALS), 0.25)}
)
WORDS = ("The", "Old", "keeper", "slept", "in", "Anne", "lighthouse", "1815", "never")
CLAIMS = st.lists(st.sampled_from(WORDS)).map(" ".join)
PASSAGES = st.lists(st.lists(CLAIMS, min_size=1, max_size=7).map(lambda held: Passage(tuple(held))), max_size=4)


def stems(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.findall(r"\w+", text.lower()) if word not in {"the", "in", "never"})


def weight(stem: str) -> float:
    return {"": 5.0, "zq": 5.0, "lighthouse": 3.0}.get(stem, 1.0)


def row(claim: str, *passages: str, expected_overlap: ExpectedOverlap = EXPECTED_OVERLAP) -> dict[str, float]:
    texts = [Passage(tuple(passage.split("|"))) for passage in passages]
    return lexical_features(claim, texts, weight=weight, stems=stems, expected=expected_overlap)


def signals(claim: str, *passages: str) -> dict[str, dict[str, float]]:
    words = claim_words(claim, stems)
    texts = [Passage(tuple(passage.split("|"))) for passage in passages]
    table = word_signals(words, texts, weight=weight, stems=stems, rarity=EXPECTED_OVERLAP.rarity)
    return {
        stem: dict(zip(SIGNALS, map(float, line), strict=True)) for stem, line in zip(words.stems, table, strict=True)
    }


@given(CLAIMS, PASSAGES)
def test_lexical_features_are_finite_and_have_the_declared_names_in_order(claim: str, passages: list[Passage]) -> None:
    features = lexical_features(claim, passages, weight=weight, stems=stems, expected=EXPECTED_OVERLAP)
    assert tuple(features) == LEXICAL_SURPLUS
    assert all(map(math.isfinite, features.values()))


@given(st.text() | CLAIMS, st.sampled_from([(), ("",), ("...",), ("Zq zr.", "Zq.|Zr.")]))
def test_features_are_zero_without_a_common_word(claim: str, unrelated: tuple[str, ...]) -> None:
    if set(stems(claim)).isdisjoint(stems(" ".join(unrelated))):
        assert row(claim, *unrelated) == dict.fromkeys(LEXICAL_SURPLUS, 0.0)


@given(CLAIMS, PASSAGES)
def test_features_are_zero_on_average_given_novels_with_the_expected_overlap(
    claim: str, passages: list[Passage]
) -> None:
    words = claim_words(claim, stems)
    table = word_signals(words, passages, weight=weight, stems=stems, rarity=EXPECTED_OVERLAP.rarity)
    measured = ExpectedOverlap(
        SIGNALS, FREQUENCIES, np.array([0.01]), PRIORS, dict(zip(words.stems, table, strict=True))
    )
    features = lexical_features(claim, passages, weight=weight, stems=stems, expected=measured)
    assert list(features.values()) == pytest.approx([0.0] * len(LEXICAL_SURPLUS))


@given(CLAIMS, PASSAGES)
def test_a_stem_that_no_passage_holds_is_at_most_in_the_novel(claim: str, passages: list[Passage]) -> None:
    words = claim_words(claim, stems)
    table = word_signals(words, passages, weight=weight, stems=stems, rarity=EXPECTED_OVERLAP.rarity)
    held = {stem for passage in passages for stem in stems(passage.text)}
    assert all((stem in held) == bool(line[0]) for stem, line in zip(words.stems, table, strict=True))
    others = [place for place, signal in enumerate(SIGNALS) if signal != "in_novel"]
    assert not any(line[others].any() for stem, line in zip(words.stems, table, strict=True) if stem not in held)


@given(CLAIMS, PASSAGES)
def test_support_grows_with_the_window(claim: str, passages: list[Passage]) -> None:
    words = claim_words(claim, stems)
    table = word_signals(words, passages, weight=weight, stems=stems, rarity=EXPECTED_OVERLAP.rarity)
    support = table[:, [SIGNALS.index(f"support_{window}") for window in (1, 3, 6)]]
    assert (np.diff(support, axis=1) >= -1e-9).all()


def test_signals_show_where_a_word_is() -> None:
    found = signals("keeper lighthouse slept", "The keeper.|Rain.|A lighthouse.", "He slept.")
    assert [found[stem]["found"] for stem in found] == [1.0, 1.0, 1.0]
    assert [found[stem]["found_first"] for stem in found] == [1.0, 1.0, 0.0]
    assert [found[stem]["found_weight"] for stem in found] == [1.0, 3.0, 1.0]
    assert found["keeper"]["support_1"] == 0.0
    assert found["keeper"]["support_3"] == pytest.approx(rarity(0.0005))


def test_a_word_far_from_the_others_is_supported_less() -> None:
    near = row("The keeper slept, old.", "The old keeper slept.")
    far = row("The keeper slept, old.", "The old keeper.", "She slept.")
    assert near["word_support_6"] > far["word_support_6"]


def test_a_word_fits_where_most_of_the_others_are() -> None:
    found = signals("keeper lighthouse slept", "The keeper slept.|A lighthouse.")
    rare, slept = rarity(0.001), rarity(0.02)
    assert found["slept"]["fit_1"] == pytest.approx(rare / (rarity(0.0005) + 1))
    assert found["lighthouse"]["fit_1"] == 0.0
    assert found["lighthouse"]["fit_3"] == pytest.approx((rare + slept) / (rare + slept + 1))


def test_in_novel_follows_from_the_weight() -> None:
    found = signals("keeper zq", "A house.")
    assert (found["keeper"]["in_novel"], found["zq"]["in_novel"]) == (1.0, 0.0)


def test_neighbours_count_within_one_sentence() -> None:
    found = signals("old keeper slept", "The old keeper.|He slept.")
    assert [found[stem]["neighbours"] for stem in found] == [0.5, 0.5, 0.0]


def test_names_are_summed_apart() -> None:
    features = row("Keeper slept.", "The keeper slept.")
    assert features["name_found"] == pytest.approx(1 - 0.25)
    assert features["word_found"] == pytest.approx(1 - PRIORS[1, 0])


def test_claim_words_keep_order_and_capitals() -> None:
    words = claim_words("The old Keeper met the old king, keeper’s friend.", stems)
    assert words.stems[:4] == ("old", "keeper", "met", "king")
    assert words.order[:5] == (0, 1, 2, 0, 3)
    assert words.named[:4].tolist() == [False, True, False, False]


def test_expected_overlap_of_unknown_stems_is_that_of_the_rarest() -> None:
    assert EXPECTED_OVERLAP.expected("zq").tolist() == PRIORS[0].tolist()
    assert EXPECTED_OVERLAP.expected("slept").tolist() == PRIORS[1].tolist()
    assert EXPECTED_OVERLAP.expected("keeper").tolist() == [0.25] * len(SIGNALS)


def test_rarity_falls_with_frequency() -> None:
    values = [rarity(share) for share in (0.0, 0.001, 0.01, 0.1, 1.0)]
    assert values == sorted(values, reverse=True)
    assert EXPECTED_OVERLAP.rarity("zq") == values[0]


def test_expected_overlap_comes_back_from_its_file(tmp_path: Path) -> None:
    EXPECTED_OVERLAP.save(tmp_path / "background.npz")
    loaded = ExpectedOverlap.load(tmp_path / "background.npz")
    claim, passage = "Old keeper of the lighthouse slept.", "The keeper slept."
    assert row(claim, passage, expected_overlap=loaded) == pytest.approx(row(claim, passage))
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "background.npz").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_expected_overlap_refuses_a_missing_or_damaged_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "background.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="restore it or build it again"):
        ExpectedOverlap.load(path)


def test_expected_overlap_refuses_rows_of_another_size() -> None:
    with pytest.raises(ModelError, match="build it again"):
        ExpectedOverlap(SIGNALS, {}, np.array([0.01]), PRIORS[:, :2], {})


def test_lexical_features_refuse_an_expected_overlap_of_other_signals() -> None:
    other = ExpectedOverlap(("found",), {}, np.array([0.01]), np.zeros((2, 1)), {})
    with pytest.raises(ModelError, match="build it again"):
        row("Keeper.", "The keeper.", expected_overlap=other)
