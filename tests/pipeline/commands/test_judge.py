"""What ``pipeline.py`` answers to programs: JSON on standard output, an exit status for each verdict, waivers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator

import pipeline.judging.backstory
from pipeline.cli import judge_main
from pipeline.records import BackstoryLabel, Waiver
from pipeline.report.resources import read_schema
from pipeline.waivers import save_waiver, waivers_path
from tests.pipeline.command_line import Said, refused, run
from tests.pipeline.little_story import BACKSTORY

Ask = Callable[..., Said]
CLAIM = "Anna Reed called her boat the Patience."


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def novel(shelf: Path, tmp_path: Path) -> Path:
    """The little story in a folder of its own, where waivers may be laid beside it."""
    folder = tmp_path / "novels"
    folder.mkdir()
    return Path(shutil.copy(shelf / "Low Water.txt", folder))


@pytest.fixture
def words(stand_in_reader: Path, cache: Path, novel: Path, tmp_path: Path) -> list[str]:
    """The flags of a good run."""
    backstory = tmp_path / "backstory.txt"
    backstory.write_text(BACKSTORY, encoding="utf-8")
    machine = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    asked = ["--target_character", "Anna Reed", "--backstory_file", str(backstory)]
    return [
        *asked,
        *machine,
        "--cache_dir",
        str(cache),
        "--novels_dir",
        str(novel.parent),
        "--out_dir",
        str(tmp_path / "out"),
    ]


def _answer(said: Said) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads("\n".join(said.out))
    return answer


def _claims(said: Said) -> dict[str, dict[str, Any]]:
    return {claim["text"]: claim for claim in _answer(said)["claims"]}


def test_json_is_all_that_stands_on_standard_output(words: list[str], tmp_path: Path) -> None:
    said = run(judge_main, *words, "--json")
    answer = _answer(said)
    kept = json.loads((tmp_path / "out" / "backstory_consistency.json").read_text(encoding="utf-8"))
    assert said.status == 0
    assert (answer["verdict"], answer["probability"]) == (kept["verdict"], kept["probability"])
    assert str(tmp_path / "out" / "report.html") in answer["files"]
    assert any(line.startswith("Anna Reed in Low Water: ") for line in said.err)


def test_json_holds_claims_with_passages_that_speak_to_them(words: list[str]) -> None:
    claims = _claims(run(judge_main, *words, "--json"))
    assert len(claims) == 3
    for claim in claims.values():
        assert {"id", "type", "label", "probability", "rationale", "passages"} <= claim.keys()
        assert all(pair["label"] != "irrelevant" and pair["quotation"] for pair in claim["passages"])


def test_json_of_an_error_is_empty(words: list[str]) -> None:
    said = run(judge_main, *words, "--json", "--target_character", "Captain Ahab")
    assert (said.status, said.out) == (2, [])
    assert said.error.startswith("error: ")


@pytest.mark.parametrize(("label", "status"), [("consistent", 0), ("inconsistent", 1), ("uncertain", 3)])
def test_exit_code_tells_the_verdict_and_only_when_asked(
    words: list[str], monkeypatch: pytest.MonkeyPatch, label: BackstoryLabel, status: int
) -> None:
    monkeypatch.setattr(pipeline.judging.backstory, "label_backstory", lambda *_, **__: label)
    assert run(judge_main, *words, "--exit_code").status == status
    assert run(judge_main, *words).status == 0


def test_exit_code_of_an_error_is_2(words: list[str]) -> None:
    assert "Captain Ahab" in refused(judge_main, *words, "--exit-code", "--target_character", "Captain Ahab")


def test_switch_stands_in_a_settings_file(words: list[str], tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("json = true\n", encoding="utf-8")
    assert _answer(run(judge_main, *words, "--config", settings))["character"] == "Anna Reed"
    settings.write_text("json = 1\n", encoding="utf-8")
    assert refused(judge_main, *words, "--config", settings).endswith("sets json to 1; expected true or false")


def test_waived_claim_is_judged_and_left_out_of_the_verdict(words: list[str], novel: Path) -> None:
    before = _answer(run(judge_main, *words, "--json"))
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "She renames it in book two."))
    said = run(judge_main, *words, "--json")
    after = _answer(said)
    assert _claims(said)[CLAIM]["waiver"] == "She renames it in book two."
    assert after["features"] != before["features"]
    assert "Of 2 claims" in after["rationale"] and CLAIM not in after["rationale"]
    assert any("marked as intentional, and left out of the verdict: She renames" in line for line in said.err)


def test_waivers_can_be_ignored(words: list[str], novel: Path) -> None:
    before = _answer(run(judge_main, *words, "--json"))
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended"))
    assert _answer(run(judge_main, *words, "--json", "--ignore_waivers")) == before


def test_backstory_whose_every_claim_is_waived_is_consistent_and_says_why(words: list[str], novel: Path) -> None:
    for text in _claims(run(judge_main, *words, "--json")):
        save_waiver(waivers_path(novel), Waiver("Anna Reed", text, "intended"))
    answer = _answer(run(judge_main, *words, "--json"))
    assert (answer["verdict"], answer["probability"], answer["features"]) == ("consistent", 1.0, {})
    assert answer["rationale"].startswith("The author marked every claim as intentional")


def test_waiver_whose_passage_is_gone_is_said_in_the_verdict(words: list[str], novel: Path) -> None:
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended", "Nobody had ever given it a name."))
    said = run(judge_main, *words, "--json")
    assert any("no longer in the novel" in notice for notice in _answer(said)["notices"])
    assert any("marked as intentional (intended), to look at: the passage" in line for line in said.err)


def test_waiver_whose_passage_was_edited_is_proposed_where_it_is_now(words: list[str], novel: Path) -> None:
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended", "The boat was called the Prudence."))
    said = run(judge_main, *words, "--json")
    loose, answer = _claims(said)[CLAIM]["waiver_to_look_at"], _answer(said)
    assert loose["found"]["quotation"] == "The boat was called the Patience."
    assert any("is probably here now (chapter 1, paragraph 1)" in notice for notice in answer["notices"])


def test_damaged_waivers_are_one_clear_line(words: list[str], novel: Path) -> None:
    waivers_path(novel).write_text("[{}]", encoding="utf-8")
    assert "docs/outputs.md describes a waiver" in refused(judge_main, *words)


SHEET = """\
# The people of Low Water

## Anna Reed
- Age: 34
- Boat: Patience

Anna Reed kept the ferry at Low Water.

## Dr Moss
- Occupation: doctor
- Zodiac: Leo
"""


@pytest.fixture
def sheet(words: list[str], tmp_path: Path) -> list[str]:
    """The flags of a run on a sheet with two characters."""
    path = tmp_path / "sheet.md"
    path.write_text(SHEET, encoding="utf-8")
    return [*words[2:], "--backstory_file", str(path)]


def test_sheet_has_a_verdict_and_a_folder_for_each_character(sheet: list[str], tmp_path: Path) -> None:
    said = run(judge_main, *sheet)
    out = tmp_path / "out"
    stored = json.loads((out / "sheet.json").read_text(encoding="utf-8"))
    assert said.status == 0
    assert [each["character"] for each in stored["characters"]] == ["Anna Reed", "Dr Moss"]
    Draft202012Validator(read_schema("sheet")).validate(stored)
    for each in stored["characters"]:
        own = json.loads((out / each["folder"] / "backstory_consistency.json").read_text(encoding="utf-8"))
        assert (own["character"], own["verdict"]) == (each["character"], each["verdict"])
        assert f'href="{quote(each["folder"])}/report.html"' in (out / "report.html").read_text(encoding="utf-8")
        assert "../report.html" in (out / each["folder"] / "report.html").read_text(encoding="utf-8")
    claims = json.loads((out / "Anna Reed" / "backstory.claims.json").read_text(encoding="utf-8"))
    assert [(claim["line"], claim["source"], claim["fact_type"]) for claim in claims[:2]] == [
        (4, "- Age: 34", "age_or_date"),
        (5, "- Boat: Patience", "possession"),
    ]
    assert any("line 11 of the backstory (“- Zodiac: Leo”)" in line for line in said.err)


def test_json_of_a_sheet_holds_every_answer(sheet: list[str]) -> None:
    answer = _answer(run(judge_main, *sheet, "--json"))
    assert [each["character"] for each in answer["characters"]] == ["Anna Reed", "Dr Moss"]
    assert all(claim["passages"] is not None for each in answer["characters"] for claim in each["claims"])
    assert answer["not_judged"] == []


def test_exit_code_of_a_sheet_is_that_of_its_worst_verdict(sheet: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    labels = iter(["consistent", "inconsistent", "consistent", "uncertain"])
    monkeypatch.setattr(pipeline.judging.backstory, "label_backstory", lambda *_, **__: next(labels))
    assert [run(judge_main, *sheet, "--exit_code").status for _ in range(2)] == [1, 3]


def test_character_that_the_novel_does_not_name_is_left_out_and_told(
    sheet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sheet.md"
    path.write_text(SHEET + "\n## Clara Voss\n- Age: 20\n", encoding="utf-8")
    monkeypatch.setattr(pipeline.judging.backstory, "label_backstory", lambda *_, **__: "consistent")
    said = run(judge_main, *sheet, "--exit_code", "--json")
    answer = _answer(said)
    assert (said.status, answer["verdict"]) == (3, "uncertain")
    assert [each["character"] for each in answer["not_judged"]] == ["Clara Voss"]
    assert any(line.startswith("note: Clara Voss was not judged: ") for line in said.err)


def test_sheet_with_a_target_is_one_run_on_its_part(sheet: list[str], tmp_path: Path) -> None:
    answer = _answer(run(judge_main, *sheet, "--target_character", "Dr Moss", "--json"))
    assert [claim["text"] for claim in answer["claims"]] == ["Dr Moss was a doctor."]
    assert (tmp_path / "out" / "report.html").is_file() and not (tmp_path / "out" / "sheet.json").exists()


def test_sheet_of_one_character_needs_no_target(sheet: list[str], tmp_path: Path) -> None:
    (tmp_path / "sheet.md").write_text("Name: Anna Reed\nAge: 34\n", encoding="utf-8")
    answer = _answer(run(judge_main, *sheet, "--json"))
    assert [claim["text"] for claim in answer["claims"]] == ["Anna Reed was 34 years old."]
    assert answer["notices"] == []


def test_backstory_without_a_name_needs_a_target(sheet: list[str], tmp_path: Path) -> None:
    (tmp_path / "sheet.md").write_text("She kept the ferry.\n", encoding="utf-8")
    assert "the backstory names no character" in refused(judge_main, *sheet)
    (tmp_path / "sheet.md").write_text("Name: Clara Voss\nAge: 34\n", encoding="utf-8")
    assert "the sheet names no character of Low Water ('Clara Voss'" in refused(judge_main, *sheet)
