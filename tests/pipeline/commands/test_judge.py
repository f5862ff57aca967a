"""What ``pipeline.py`` answers to programs: JSON on standard output, an exit status for each verdict, waivers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline.judging.backstory
from pipeline.cli import judge_main
from pipeline.records import BackstoryLabel, Waiver
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
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended", "The boat was called the Prudence."))
    answer = _answer(run(judge_main, *words, "--json"))
    assert any("no longer in the novel" in notice for notice in answer["notices"])


def test_damaged_waivers_are_one_clear_line(words: list[str], novel: Path) -> None:
    waivers_path(novel).write_text("[{}]", encoding="utf-8")
    assert "docs/outputs.md describes a waiver" in refused(judge_main, *words)
