"""Evidence features see how a passage bears on a claim, and nothing of the claim alone."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.scoring.features import (
    CLAIM_FEATURES,
    PAIR_FEATURES,
    Passage,
    SurpriseGain,
    best_sentence,
    claim_features,
    claim_names,
    pair_features,
)

GAIN = SurpriseGain(alone=4.0, given=3.0)
STOPWORDS = {"the", "a", "he", "she", "was", "in", "at", "of", "his", "her", "and", "never", "not"}


def stems(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.findall(r"\w+", text.lower()) if word not in STOPWORDS)


def weight(stem: str) -> float:
    return 3.0 if stem == "lighthouse" else 1.0


def row(claim: str, *passages: str, gain: SurpriseGain = GAIN) -> dict[str, float]:
    texts = [Passage(tuple(passage.split("|"))) for passage in passages]
    return claim_features(claim, texts, gain, distances=[0.5] * len(texts), weight=weight, stems=stems)


def test_claim_features_have_the_declared_names_in_order() -> None:
    assert tuple(row("He kept the lighthouse.", "A lighthouse stood there.")) == CLAIM_FEATURES


def test_coverage_weighs_rare_words_more() -> None:
    features = row("Old keeper lighthouse", "The lighthouse.|An old house.", "The keeper slept.")
    assert features["coverage_sentence"] == pytest.approx(3 / 5)
    assert features["coverage_passage"] == pytest.approx(4 / 5)
    assert features["coverage_union"] == pytest.approx(1.0)


def test_names_found_ignores_accents_case_and_possessives() -> None:
    assert row("He knew Edmond Dantès's father.", "DANTES spoke.")["names_found"] == pytest.approx(1 / 2)


def test_names_found_of_a_claim_without_names_is_its_coverage() -> None:
    features = row("The old keeper slept.", "An old man.")
    assert features["names_found"] == features["coverage_passage"] == pytest.approx(1 / 3)


def test_claim_names_leaves_out_words_that_start_a_sentence() -> None:
    assert claim_names('Then Mercédès left. She cried, "Wait for Caderousse!" I did.') == {"mercedes", "caderousse"}


def test_numbers_match_between_digits_and_words() -> None:
    features = row("He was 21 when jailed.", "At twenty-one he was jailed.")
    assert (features["numbers_matched"], features["numbers_conflict"]) == (1.0, 0.0)


def test_numbers_conflict_near_a_shared_word() -> None:
    features = row("She was born in 1815.", "She was born in 1796.")
    assert (features["numbers_matched"], features["numbers_conflict"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    "passage",
    ["The tower fell in 1796.", "She was born to forty cousins.", "She was born there.", "Born in 1796 or 1815."],
)
def test_numbers_do_not_conflict_elsewhere_in_kind_when_silent_or_when_matched(passage: str) -> None:
    assert row("She was born in 1815.", passage)["numbers_conflict"] == 0.0


def test_numbers_near_the_same_name_do_not_conflict() -> None:
    assert row("Said Faria: 12 steps.", "Thirty ships passed Faria.")["numbers_conflict"] == 0.0


def test_negation_mismatch_counts_shared_words_denied_once() -> None:
    assert row("He never married.", "He married Anne.")["negation_mismatch"] == pytest.approx(1.0)
    assert row("He never married.", "He didn’t flinch; he married.")["negation_mismatch"] == pytest.approx(1.0)
    assert row("He never married.", "He didn’t ever get married.")["negation_mismatch"] == 0.0


def test_negation_of_words_that_are_not_shared_weighs_nothing() -> None:
    assert row("He never married, the keeper.", "The keeper slept.")["negation_mismatch"] == 0.0


@given(st.text(), st.sampled_from(["", "...", "zq zr."]), st.integers(1, 3))
def test_before_a_silent_passage_every_claim_has_the_same_row(claim: str, silence: str, count: int) -> None:
    silent = {name: 0.0 for name in CLAIM_FEATURES} | {
        "gain": 1.0,
        "gain_ratio": 0.25,
        "gain_worst": 1.0,
        "distance": 0.5,
    }
    if set(stems(claim)).isdisjoint(stems(silence)):
        assert row(claim, *[silence] * count) == silent


@pytest.mark.parametrize("claim", ["In 1815 he was 40.", "He never met Anne Holt.", "Keeper.", "", "Not one of them."])
def test_a_claim_with_numbers_names_or_negation_scores_as_any_other_before_silence(claim: str) -> None:
    assert row(claim, "Zq.") == row("The keeper slept.", "Zq.")


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_features_are_finite_and_shares_lie_between_0_and_1(claim: str, sentences: list[str]) -> None:
    features = row(claim, "|".join(sentences))
    shares = [value for name, value in features.items() if not name.startswith(("gain", "distance"))]
    assert all(map(math.isfinite, features.values()))
    assert all(0 <= share <= 1 + 1e-9 for share in shares)


def test_surprise_alone_enters_no_feature() -> None:
    one = row("He slept.", "She woke.", gain=SurpriseGain(alone=2.0, given=2.0))
    other = row("He slept.", "She woke.", gain=SurpriseGain(alone=9.0, given=9.0))
    assert one == other


def test_surprise_gain_gives_the_difference_and_its_share() -> None:
    assert (GAIN.gain, GAIN.ratio, GAIN.worst) == (1.0, 0.25, 1.0)
    assert SurpriseGain(alone=0.0, given=0.0).ratio == 0.0


def test_surprise_gain_worst_is_the_mean_of_the_lowest_fifth() -> None:
    gains = (3.0, -2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert SurpriseGain(alone=4.0, given=3.0, per_token=gains).worst == pytest.approx(-0.5)


@pytest.mark.parametrize(("alone", "given"), [(math.nan, 1.0), (1.0, math.inf), (-1.0, 0.0)])
def test_surprise_gain_refuses_what_no_reader_gives(alone: float, given: float) -> None:
    with pytest.raises(ModelError, match="must be finite and not negative"):
        SurpriseGain(alone=alone, given=given)


def test_surprise_gain_refuses_surprises_in_place_of_gains() -> None:
    with pytest.raises(ValueError, match="pass gains, not surprises"):
        SurpriseGain(alone=4.0, given=3.0, per_token=(3.0, 3.0))


def test_pair_features_are_those_of_the_claim_before_one_passage() -> None:
    passage = Passage(("The keeper slept.",))
    features = pair_features("The old keeper.", passage, GAIN, distance=0.5, weight=weight, stems=stems)
    whole = row("The old keeper.", "The keeper slept.")
    assert features == {name: whole[name] for name in PAIR_FEATURES}


def test_claim_features_take_the_nearest_distance() -> None:
    passages = (Passage(("One.",)), Passage(("Two.",)))
    features = claim_features("Claim.", passages, GAIN, distances=(0.7, 0.2), weight=weight, stems=stems)
    assert features["distance"] == 0.2


@pytest.mark.parametrize(("passages", "distances"), [((), ()), ((Passage(("One.",)),), (0.1, 0.2))])
def test_claim_features_want_passages_with_their_distances(
    passages: tuple[Passage, ...], distances: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="each passage needs its distance"):
        claim_features("Claim.", passages, GAIN, distances=distances, weight=weight, stems=stems)


def test_best_sentence_covers_most_and_is_the_shorter_of_equals() -> None:
    sentences = ["The keeper.", "Long ago an old keeper slept.", "Old keeper.", "Old keeper."]
    assert best_sentence("The old keeper", sentences, weight=weight, stems=stems) == 2
