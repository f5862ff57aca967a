"""Findings marked as intentional: stored next to the novel, valid while their passage is in it, refused if damaged."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline import waivers
from pipeline.errors import OutputError, WaiverError
from pipeline.records import LooseWaiver, Novel, Waiver
from pipeline.report.entries import claim_verdict_entry
from pipeline.report.resources import read_schema
from pipeline.waivers import (
    apply_waivers,
    drop_waiver,
    find_loose,
    find_passage,
    load_waivers,
    make_waiver,
    renew_waiver,
    save_waiver,
    waivers_path,
)
from tests.pipeline.report.small_world import World, make_novel, make_world

CLAIM = "Her father outlived her."
MARK = Waiver("Ada Vane", CLAIM, "She lies to the priest.", "Her father drowned\nwhen she was nine.")


@pytest.fixture
def world() -> World:
    """Give the small world."""
    return make_world()


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
    (marked,), notices = apply_waivers([judged], load_waivers(path), world.novel)
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
    (_, marked), _ = apply_waivers(world.verdict.claims[:2], [waiver], world.novel)
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
    claims, notices = apply_waivers(world.verdict.claims, [MARK], world.novel)
    assert [claim.waiver for claim in claims] == ["", "She lies to the priest."]
    assert notices == ()


def test_waiver_whose_passage_is_gone_counts_again_with_a_notice(world: World) -> None:
    claims, (notice,) = apply_waivers(world.verdict.claims, [MARK], _edited(world, "Her father drowned", "Rain came"))
    assert [claim.waiver for claim in claims] == ["", ""]
    assert "no longer in the novel, so it counts again" in notice and CLAIM in notice
    assert claims[1].loose_waiver == LooseWaiver(MARK)


def test_waiver_whose_passage_was_edited_counts_again_and_is_proposed_where_it_is_now(world: World) -> None:
    novel = _edited(world, "drowned when she was nine", "had drowned when she was ten")
    claims, (notice,) = apply_waivers(world.verdict.claims, [MARK], novel)
    loose = claims[1].loose_waiver
    assert loose is not None and not claims[1].waiver
    assert loose.quotation == "Her father had drowned when she was ten." == novel.text[loose.start : loose.end]
    assert (loose.chapter, loose.chapter_title, loose.paragraph) == (1, "Chapter One. The Ferry", 1)
    assert "it counts again: its passage is probably here now (chapter 1, paragraph 1): “Her father had" in notice


def test_waiver_survives_an_edit_elsewhere_and_a_moved_chapter(world: World) -> None:
    head, rest = world.novel.text.split("Chapter One", 1)
    first, second = rest.split("Chapter Two", 1)
    moved = make_novel(f"{head}Chapter Two{second}\n\nChapter One{first}".replace("noon", "midnight"))
    claims, notices = apply_waivers(world.verdict.claims, [MARK], moved)
    assert (claims[1].waiver, notices) == ("She lies to the priest.", ())


def test_waiver_is_to_look_at_where_its_claim_was_reworded(world: World) -> None:
    former = replace(MARK, claim="Her father has outlived her long.")
    claims, (notice,) = apply_waivers(world.verdict.claims, [former], world.novel)
    loose = claims[1].loose_waiver
    assert loose is not None and not claims[1].waiver and loose.quotation
    assert "was given for the claim “Her father has outlived her long.”, which probably reads otherwise now" in notice
    assert claims[0].loose_waiver is None


def test_short_passage_holds_in_its_surroundings_alone(world: World) -> None:
    pairs = [{"label": "contradict", "probabilities": {"contradict": 0.9}, "quotation": "Nobody else did.", "start": 0}]
    mark = make_waiver("Ada Vane", CLAIM, pairs, kind="lie", text=world.novel.text)
    assert (mark.before.split()[-2:], mark.after) == (["the", "river."], "")
    assert find_passage(mark, world.novel.text).holds
    elsewhere = world.novel.text.replace(" Nobody else did.", "").replace(
        "She was born", "Nobody else did. She was born"
    )
    place = find_passage(mark, elsewhere)
    assert not place.holds and place.found is not None and elsewhere[slice(*place.found)] == "Nobody else did."


def test_renewed_waiver_takes_the_place_of_the_one_to_look_at(tmp_path: Path, world: World) -> None:
    path = save_waiver(tmp_path / "w.json", replace(MARK, claim="Her father has outlived her long.", kind="lie"))
    novel = _edited(world, "when she was nine", "when she was ten")
    claims, _ = apply_waivers(world.verdict.claims, load_waivers(path), novel)
    entry = claim_verdict_entry(claims[1])["waiver_to_look_at"]
    renew_waiver(path, "Ada Vane", CLAIM, entry, [], text=novel.text)
    (renewed,) = load_waivers(path)
    assert (renewed.claim, renewed.passage) == (CLAIM, "Her father drowned when she was ten.")
    assert (renewed.kind, renewed.reason) == ("lie", MARK.reason)
    assert renewed.before.endswith("Porth in 1840.") and renewed.after.startswith("Chapter Two.")
    (_, claim), notices = apply_waivers(world.verdict.claims, [renewed], novel)
    assert (claim.waiver, notices) == ("lie: She lies to the priest.", ())


def test_every_waiver_without_its_passage_is_found(world: World) -> None:
    others = [Waiver("Tom Hale", "He can swim.", "r", "The sea froze."), MARK, Waiver("Ada Vane", "She rows.", "r")]
    assert [loose.waiver for loose in find_loose(others, world.novel)] == others[:1]


def _edited(world: World, words: str, others: str) -> Novel:
    assert words in world.novel.text
    return make_novel(world.novel.text.replace(words, others))


def test_waiver_of_another_character_or_claim_changes_nothing(world: World) -> None:
    others = [Waiver("Tom Hale", CLAIM, "r"), Waiver("Ada Vane", "She could swim.", "r")]
    assert apply_waivers(world.verdict.claims, others, world.novel) == (world.verdict.claims, ())


def test_waiver_without_a_passage_always_holds(world: World) -> None:
    claims, _ = apply_waivers(world.verdict.claims, [Waiver("Ada Vane", CLAIM, "r")], world.novel)
    assert claims[1].waiver == "r"


def test_unwritable_folder_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, value: object) -> Path:
        raise OutputError("refused") from PermissionError("not yours")

    monkeypatch.setattr(waivers, "write_json", refuse)
    with pytest.raises(WaiverError, match=r"cannot be written next to the novel \(not yours\)"):
        save_waiver(tmp_path / "w.json", MARK)
