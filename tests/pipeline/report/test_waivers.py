"""Findings marked as intentional: stored next to the novel, valid while their passage is in it, refused if damaged."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline import waivers
from pipeline.errors import OutputError, WaiverError
from pipeline.records import Waiver
from pipeline.report.resources import read_schema
from pipeline.waivers import apply_waivers, drop_waiver, load_waivers, make_waiver, save_waiver, waivers_path
from tests.pipeline.report.small_world import World

CLAIM = "Her father outlived her."
MARK = Waiver("Ada Vane", CLAIM, "She lies to the priest.", "Her father drowned\nwhen she was nine.")


def test_waivers_are_stored_next_to_their_novel(tmp_path: Path) -> None:
    assert waivers_path(tmp_path / "The Ferry.txt") == tmp_path / "The Ferry.waivers.json"


def test_novel_without_a_file_has_no_waivers(tmp_path: Path) -> None:
    assert load_waivers(tmp_path / "none.json") == ()


def test_saved_waiver_is_read_back_and_fits_its_schema(tmp_path: Path) -> None:
    path = save_waiver(tmp_path / "w.json", MARK)
    assert load_waivers(path) == (MARK,)
    Draft202012Validator(read_schema("waivers")).validate(json.loads(path.read_text(encoding="utf-8")))


def test_second_waiver_of_a_claim_replaces_the_first(tmp_path: Path) -> None:
    save_waiver(tmp_path / "w.json", MARK)
    path = save_waiver(tmp_path / "w.json", Waiver("ada  vane", CLAIM.upper(), "Another reason."))
    assert [waiver.reason for waiver in load_waivers(path)] == ["Another reason."]


def test_waiver_can_be_removed_once(tmp_path: Path) -> None:
    path = save_waiver(tmp_path / "w.json", MARK)
    drop_waiver(path, character="Ada Vane", claim=CLAIM)
    assert load_waivers(path) == ()
    with pytest.raises(WaiverError, match="does not waive this claim of Ada Vane"):
        drop_waiver(path, character="Ada Vane", claim=CLAIM)


def test_waivers_saved_at_the_same_time_are_all_stored(tmp_path: Path) -> None:
    path = waivers_path(tmp_path / "Low Water.txt")
    claims = {f"Anna Reed kept {number} boats." for number in range(16)}
    with ThreadPoolExecutor(len(claims)) as many:
        list(many.map(lambda claim: save_waiver(path, Waiver("Anna Reed", claim, "intended")), claims))
    assert {waiver.claim for waiver in load_waivers(path)} == claims
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_kind_of_reason_is_stored_and_shown_with_the_reason(tmp_path: Path, world: World) -> None:
    judged = world.verdict.claims[1]
    waiver = make_waiver(judged.claim.character, judged.claim.text, (), kind="flashback", reason=" Told \n in ch. 9. ")
    path = save_waiver(tmp_path / "w.json", waiver)
    Draft202012Validator(read_schema("waivers")).validate(json.loads(path.read_text(encoding="utf-8")))
    (marked,), notices = apply_waivers([judged], load_waivers(path), world.novel.text)
    assert (marked.waiver, marked.waiver_kind, notices) == ("flashback: Told in ch. 9.", "flashback", ())


@pytest.mark.parametrize("kind", ["flashback", "dream", "lie", "intended", "wrong alarm"])
def test_kind_alone_is_reason_enough(kind: str, tmp_path: Path) -> None:
    waiver = make_waiver("Ada Vane", CLAIM, (), kind=kind)
    assert (waiver.kind, waiver.reason, str(waiver)) == (kind, kind, kind)
    assert load_waivers(save_waiver(tmp_path / "w.json", waiver)) == (waiver,)


def test_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        WaiverError, match="'mood' is not a kind of reason; expected one of flashback, dream, lie, inte"
    ):
        make_waiver("Ada Vane", CLAIM, (), kind="mood")


def test_file_of_an_earlier_version_is_read_without_kinds(tmp_path: Path, world: World) -> None:
    judged = world.verdict.claims[1].claim
    entry = {"character": judged.character, "claim": judged.text, "reason": "She lies.", "passage": ""}
    path = tmp_path / "w.json"
    path.write_text(json.dumps([entry]), encoding="utf-8")
    (waiver,) = load_waivers(path)
    assert (waiver.kind, str(waiver)) == ("", "She lies.")
    (_, marked), _ = apply_waivers(world.verdict.claims[:2], [waiver], world.novel.text)
    assert (marked.waiver, marked.waiver_kind) == ("She lies.", "")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_waiver_needs_a_reason_of_bounded_length(tmp_path: Path, reason: str) -> None:
    with pytest.raises(WaiverError, match="give a reason of 1 to 500"):
        save_waiver(tmp_path / "w.json", Waiver("Ada Vane", CLAIM, reason))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("{}", "is not of type 'array'"),
        ('[{"character": "Ada"}]', r"\[0\]: 'claim' is a required property"),
        ('[{"character": "Ada", "claim": "C.", "reason": "", "passage": ""}]', r"\[0\]\['reason'\]"),
    ],
)
def test_damaged_file_is_refused_with_the_position(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WaiverError, match=said):
        load_waivers(path)


def test_waiver_holds_while_its_passage_is_in_the_novel(world: World) -> None:
    claims, notices = apply_waivers(world.verdict.claims, [MARK], world.novel.text)
    assert [claim.waiver for claim in claims] == ["", "She lies to the priest."]
    assert notices == ()


def test_waiver_whose_passage_is_gone_counts_again_with_a_notice(world: World) -> None:
    claims, (notice,) = apply_waivers(world.verdict.claims, [MARK], world.novel.text.replace("nine", "ten"))
    assert [claim.waiver for claim in claims] == ["", ""]
    assert "no longer in the novel, so it counts again" in notice and CLAIM in notice


def test_waiver_of_another_character_or_claim_changes_nothing(world: World) -> None:
    others = [Waiver("Tom Hale", CLAIM, "r"), Waiver("Ada Vane", "She could swim.", "r")]
    assert apply_waivers(world.verdict.claims, others, world.novel.text) == (world.verdict.claims, ())


def test_waiver_without_a_passage_always_holds(world: World) -> None:
    claims, _ = apply_waivers(world.verdict.claims, [Waiver("Ada Vane", CLAIM, "r")], "")
    assert claims[1].waiver == "r"


def test_unwritable_folder_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, value: object) -> Path:
        raise OutputError("refused") from PermissionError("not yours")

    monkeypatch.setattr(waivers, "write_json", refuse)
    with pytest.raises(WaiverError, match=r"cannot be written next to the novel \(not yours\)"):
        save_waiver(tmp_path / "w.json", MARK)
