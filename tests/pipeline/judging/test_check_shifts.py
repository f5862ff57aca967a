"""Checks move a verdict by one declared rule, within bounds, and say which fired."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ScoringConfig
from pipeline.errors import ModelError
from pipeline.judging.check_shifts import FILE, LARGEST_SHIFT, NAMES, CheckShifts, apply_checks, say_check
from pipeline.records import Check, CheckKind, Claim, ClaimLabel, ClaimVerdict

SHIPPED = Path(__file__).resolve().parents[3] / ScoringConfig().checks_dir
KINDS: tuple[CheckKind, ...] = ("date", "age", "number", "kinship", "life")
SHIFTS = CheckShifts({name: 0.5 if name.endswith("agrees") else -1.5 for name in NAMES})
NONE = CheckShifts(dict.fromkeys(NAMES, 0.0))


def fired(kind: CheckKind = "age", *, agrees: bool = False) -> Check:
    return Check(kind, agrees, "nineteen", "He was\nfour-and-twenty.", 3, 100, 123, 7)


def verdict(label: ClaimLabel = "supported", probability: float = 0.6) -> ClaimVerdict:
    claim = Claim("c1", "Anna Reed", "event", "unspecified", "unspecified", "At nineteen she left.")
    return ClaimVerdict(claim, label, probability, {}, (), "Said before.")


def judged(checks: list[Check], before: ClaimVerdict, shifts: CheckShifts = SHIFTS) -> ClaimVerdict:
    return apply_checks(before, checks, shifts, threshold=0.5, band=0.05)


def test_without_checks_the_verdict_stays() -> None:
    assert judged([], verdict()) == verdict()


def test_a_conflict_moves_the_log_odds_by_its_shift() -> None:
    after = judged([fired()], verdict(probability=0.5))
    assert math.log(after.probability / (1 - after.probability)) == pytest.approx(-1.5)
    assert after.checks == (fired(),)


@pytest.mark.parametrize(
    ("label", "probability", "checks", "wanted"),
    [
        ("supported", 0.6, [fired()], "contradicted"),
        ("not_stated", 0.6, [fired()], "contradicted"),
        ("supported", 0.95, [fired()], "supported"),
        ("not_stated", 0.95, [fired()], "not_stated"),
        ("supported", 0.82, [fired()], "not_stated"),
        ("contradicted", 0.42, [fired(agrees=True)], "not_stated"),
        ("contradicted", 0.2, [fired(agrees=True)], "contradicted"),
        ("not_stated", 0.6, [fired(agrees=True)], "not_stated"),
        ("supported", 0.6, [fired(agrees=True)], "supported"),
    ],
)
def test_label_follows_the_declared_rule(
    label: ClaimLabel, probability: float, checks: list[Check], wanted: ClaimLabel
) -> None:
    assert judged(checks, verdict(label, probability)).label == wanted


@pytest.mark.parametrize("label", ["supported", "contradicted", "not_stated"])
def test_a_check_that_weighs_nothing_is_shown_and_changes_nothing(label: ClaimLabel) -> None:
    before = verdict(label, 0.41)
    after = judged([fired()], before, NONE)
    assert (after.label, after.probability) == (before.label, before.probability)
    assert after.checks and "check of ages conflicts" in after.rationale


def test_a_kind_counts_once_and_all_together_are_bounded() -> None:
    assert SHIFTS.of([fired(), fired()]) == SHIFTS.of([fired()]) == -1.5
    assert SHIFTS.of([fired(kind) for kind in KINDS]) == -LARGEST_SHIFT


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.booleans())),
    st.floats(0, 1),
    st.sampled_from(["supported", "contradicted", "not_stated"]),
)
def test_probability_stays_one_and_moves_little(
    found: list[tuple[CheckKind, bool]], probability: float, label: ClaimLabel
) -> None:
    checks = [fired(kind, agrees=agrees) for kind, agrees in found]
    after = judged(checks, verdict(label, probability))
    assert 0 <= after.probability <= 1
    if 0.01 < probability < 0.99:
        moved = math.log(after.probability / (1 - after.probability)) - math.log(probability / (1 - probability))
        assert moved == pytest.approx(SHIFTS.of(checks), abs=1e-6)


def test_the_rationale_says_which_check_fired_and_quotes_both() -> None:
    assert say_check(fired()) == (
        "The check of ages conflicts: the claim says “nineteen”, the book (chapter 7, characters 100-123): "
        "“He was four-and-twenty.”"
    )
    after = judged([fired("life", agrees=True), fired()], verdict())
    assert after.rationale.startswith("Said before. The check of ages conflicts")
    assert "\n" not in after.rationale and "life" not in after.rationale


def test_shipped_shifts_are_for_every_kind_and_bounded() -> None:
    shifts = CheckShifts.load(SHIPPED)
    assert set(shifts.shifts) == set(NAMES) and len(shifts.sha256) == 64
    figures = json.loads((SHIPPED / FILE).read_text(encoding="utf-8"))["figures"]
    for name, shift in shifts.shifts.items():
        assert not shift or figures[name]["low"] > 0.5, "what was not shown to be right does not weigh"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shifts": {}}', '{"shifts": {"age agrees": "much"}}'])
def test_damaged_shifts_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="missing or damaged"):
        CheckShifts.load(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("age agrees", -0.1), ("age conflicts", 0.1), ("age agrees", 2.5)])
def test_shifts_out_of_bounds_are_refused(tmp_path: Path, name: str, value: float) -> None:
    (tmp_path / FILE).write_text(json.dumps({"shifts": dict.fromkeys(NAMES, 0.0) | {name: value}}), encoding="utf-8")
    with pytest.raises(ModelError, match=name):
        CheckShifts.load(tmp_path)


def test_no_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=FILE):
        CheckShifts.load(tmp_path)
