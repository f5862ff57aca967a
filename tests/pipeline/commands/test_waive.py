"""``python -m pipeline waive``: a claim of the last verdict marked with a reason, listed and counted again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.waivers import load_waivers, waivers_path
from tests.pipeline.command_line import refused, run

CLAIMS = [
    {"id": "c1-aa", "character": "Anna Reed", "text": "Anna Reed was nineteen."},
    {"id": "c2-bb", "character": "Anna Reed", "text": "Anna Reed called her boat the Prudence."},
]
PAIRS = {
    "c1-aa": [],
    "c2-bb": [
        {"label": "support", "probabilities": {"contradict": 0.1}, "quotation": "no"},
        {"label": "contradict", "probabilities": {"contradict": 0.9}, "quotation": "The boat was called the Patience."},
    ],
}
VERDICT = {"novel": "Low Water", "claims": [{"label": "supported"}, {"label": "contradicted"}]}


@pytest.fixture
def words(shelf: Path, tmp_path: Path) -> list[str]:
    """The words of the command, on the files of a verdict."""
    shutil.copy(shelf / "Low Water.txt", tmp_path)
    files = {"backstory.claims": CLAIMS, "claim_chunk_pairs": PAIRS, "backstory_consistency": VERDICT}
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return ["waive", "--novels_dir", str(tmp_path), "--out_dir", str(tmp_path)]


def test_claims_are_listed_with_their_labels(words: list[str]) -> None:
    assert run(main, *words).out == [
        "  1  supported    Anna Reed was nineteen.",
        "  2  contradicted Anna Reed called her boat the Prudence.",
    ]


@pytest.mark.parametrize("claim", ["2", "c2-bb"])
def test_claim_is_marked_with_kind_note_and_passage(claim: str, words: list[str], tmp_path: Path) -> None:
    said = run(main, *words, "--claim", claim, "--reason", "lie", "--note", "She boasts.")
    assert said.status == 0 and "(lie: She boasts.)" in said.out[0]
    (waiver,) = load_waivers(waivers_path(tmp_path / "Low Water.txt"))
    assert (waiver.kind, waiver.reason) == ("lie", "She boasts.")
    assert waiver.passage == "The boat was called the Patience."
    assert run(main, *words).out[1].endswith("[left out: lie: She boasts.]")


def test_mark_is_dropped(words: list[str], tmp_path: Path) -> None:
    run(main, *words, "--claim", "2")
    assert run(main, *words, "--claim", "2", "--drop").out[0].startswith("counts again")
    assert load_waivers(waivers_path(tmp_path / "Low Water.txt")) == ()


def test_mark_whose_passage_was_edited_is_listed_and_renewed(words: list[str], tmp_path: Path) -> None:
    run(main, *words, "--claim", "2", "--reason", "lie", "--note", "She boasts.")
    novel, verdict = tmp_path / "Low Water.txt", tmp_path / "backstory_consistency.json"
    text = novel.read_text(encoding="utf-8").replace("The boat was called", "Her old boat was called")
    novel.write_text(text, encoding="utf-8")
    start = text.index("Her old boat")
    found = {"quotation": "Her old boat was called the Patience.", "start": start}
    loose = {"claim": CLAIMS[1]["text"], "reason": "She boasts.", "kind": "lie", "passage": "", "found": found}
    labels = [{"label": "supported"}, {"label": "contradicted", "waiver_to_look_at": loose}]
    verdict.write_text(json.dumps(VERDICT | {"claims": labels}), encoding="utf-8")
    said = run(main, *words).out
    assert said[1].endswith("[a mark to look at]")
    assert said[2] == "to look at (lie: She boasts.): Anna Reed: Anna Reed called her boat the Prudence."
    assert said[3].strip().startswith("its passage is probably here now (chapter 1, paragraph 1): “Her old boat")
    assert run(main, *words, "--claim", "2", "--renew").status == 0
    (waiver,) = load_waivers(waivers_path(novel))
    assert (waiver.kind, waiver.passage) == ("lie", "Her old boat was called the Patience.")
    assert waiver.before.endswith("in the March flood.") and waiver.after.startswith("It held eleven people")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--claim", "2", "--renew"], "has no mark to look at for this claim"),
        (["--claim", "3"], "the last verdict has 2 claims and none is '3'"),
        (["--claim", "2", "--reason", "mood"], "'mood' is not a kind of reason; expected one of flashback"),
        (["--out_dir", "nowhere"], "expected the files of a verdict: judge a backstory first"),
        (["--claim", "2", "--drop"], "does not waive this claim of Anna Reed"),
    ],
)
def test_what_cannot_be_marked_is_one_clear_line(words: list[str], more: list[str], said: str) -> None:
    assert said in refused(main, *words, *more)
