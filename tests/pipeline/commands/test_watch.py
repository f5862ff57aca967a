"""``python -m pipeline watch``: what it prints after a change, what it survives, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config import ROOT
from pipeline.records import Waiver
from pipeline.storage import watcher
from pipeline.storage.watcher import Stamp, stamp_of
from pipeline.waivers import save_waiver, waivers_path
from tests.pipeline.command_line import Said, refused, run
from tests.pipeline.little_story import BACKSTORY, TEXT

CLAIM = "Anna Reed called her boat the Patience."
SHEET = "## Anna Reed\n- Age: 34\n- Boat: Patience\n\n## Dr Moss\n- Occupation: doctor\n"
Edit = Callable[[], object]
Watch = Callable[..., Said]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    """The little story as a folder of chapters."""
    folder = tmp_path / "novels" / "Low Water"
    folder.mkdir(parents=True)
    for number, chapter in enumerate(TEXT.split("Chapter ")[1:], start=1):
        (folder / f"{number:02}.txt").write_text(f"Chapter {chapter}", encoding="utf-8")
    return folder


@pytest.fixture
def backstory(tmp_path: Path) -> Path:
    """The file of the backstory."""
    path = tmp_path / "backstory.txt"
    path.write_text(BACKSTORY, encoding="utf-8")
    return path


@pytest.fixture
def words(stand_in_reader: Path, cache: Path, novel: Path, backstory: Path, tmp_path: Path) -> list[str]:
    """The words of the command."""
    machine = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    asked = ["--target_character", "Anna Reed", "--backstory_file", str(backstory)]
    places = ["--cache_dir", str(cache), "--novels_dir", str(novel.parent), "--out_dir", str(tmp_path / "out")]
    return ["watch", *asked, *machine, *places]


@pytest.fixture
def watch(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Run the command with edits, one whenever it waits, and Ctrl-C after the last."""

    def watch(*edits: Edit, more: list[str] | None = None) -> Said:
        rest: Iterator[Edit] = iter(edits)

        def act(list_paths: Callable[[], list[Path]], seen: Stamp) -> Stamp:
            while stamp_of(list_paths()) == seen:  # as the real wait: what does not count is no change
                edit = next(rest, None)
                if edit is None:
                    raise KeyboardInterrupt
                edit()
            return stamp_of(list_paths())

        monkeypatch.setattr(watcher, "wait_for_change", act)
        return run(main, *words, *(more or []))

    return watch


def _changes(said: Said) -> list[list[str]]:
    """Return the lines between two waits, without the last two: the verdict and the report."""
    parts: list[list[str]] = [[]]
    for line in said.out:
        if line.startswith("waiting for a change"):
            parts.append([])
        else:
            parts[-1].append(line)
    return [part[:-2] for part in parts[:-1]]


def test_ctrl_c_ends_with_0_and_one_line(watch: Watch, tmp_path: Path) -> None:
    said = watch()
    assert said.status == 0
    assert said.out[-1] == f"stopped watching; the last verdict is in {tmp_path / 'out'}"
    assert "no former verdict to compare with" in said.out
    assert (tmp_path / "out" / "report.html").is_file()


def test_edited_backstory_is_compared_claim_by_claim(watch: Watch, backstory: Path) -> None:
    text = BACKSTORY.replace("She opened the doctor's letter and read it.", "She could swim.")
    said = watch(lambda: backstory.write_text(text, encoding="utf-8"))
    first, second = _changes(said)
    assert any(CLAIM in line for line in first)
    assert second[0].endswith("changed: backstory.txt")
    assert second[2] == "what changed since the last verdict:"
    kinds = [line.split()[0] for line in second if line.startswith("  ") and not line.startswith(" " * 15)]
    assert {"new", "gone"} <= set(kinds)


def test_saved_chapter_waiver_and_alias_are_noticed(watch: Watch, novel: Path, tmp_path: Path) -> None:
    aliases = tmp_path / "names.txt"
    aliases.write_text("", encoding="utf-8")
    said = watch(
        lambda: (novel / "04.txt").write_text("Chapter 4. The end\n\nAnna Reed went home.\n", encoding="utf-8"),
        lambda: save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended")),
        lambda: aliases.write_text("The Ferrywoman=Anna Reed\n", encoding="utf-8"),
        more=["--aliases_file", str(aliases)],
    )
    _, chapter, waiver, alias = _changes(said)
    assert chapter[0].endswith("changed: 04.txt")
    assert waiver[0].endswith("changed: Low Water.waivers.json")
    assert any(line.startswith("  left out") and CLAIM in line for line in waiver)
    assert alias[0].endswith("changed: names.txt")
    characters = json.loads((tmp_path / "out" / "Low Water.characters.json").read_text(encoding="utf-8"))
    assert "The Ferrywoman" in characters[0]["aliases"]


def test_waiver_that_no_longer_fits_is_shown_to_look_at(watch: Watch, novel: Path) -> None:
    mark = Waiver("Anna Reed", CLAIM, "intended", "The boat was called the Patience.")
    save_waiver(waivers_path(novel), mark)
    first = novel / "01.txt"
    edited = first.read_text(encoding="utf-8").replace("The boat was called", "The old boat was called")
    said = watch(lambda: first.write_text(edited, encoding="utf-8"))
    _, lines = _changes(said)
    assert any("counts again" in line for line in lines)
    assert any("to look at: its passage is probably here now" in line for line in lines)


@pytest.mark.parametrize("damage", ["novel", "backstory", "waivers"])
def test_missing_or_damaged_file_is_an_error_and_then_waited_for(
    damage: str, watch: Watch, novel: Path, backstory: Path
) -> None:
    aside = novel.parent.parent / "aside"
    acts: dict[str, tuple[Edit, Edit, str]] = {
        "novel": (lambda: shutil.move(novel, aside), lambda: shutil.move(aside, novel), "does not exist"),
        "backstory": (backstory.unlink, lambda: backstory.write_text(BACKSTORY, encoding="utf-8"), "cannot be read"),
        "waivers": (
            lambda: waivers_path(novel).write_text("[{", encoding="utf-8"),
            lambda: waivers_path(novel).unlink(),
            "cannot be read as JSON",
        ),
    }
    break_it, fix_it, expected = acts[damage]
    said = watch(break_it, fix_it)
    assert said.status == 0
    assert expected in said.error
    assert "nothing changed since the last verdict" in _changes(said)[-1]


def test_novel_stays_the_one_that_was_chosen(watch: Watch, novel: Path) -> None:
    other = novel.parent / "Other.txt"
    said = watch(lambda: other.write_text(TEXT, encoding="utf-8"), lambda: (novel / "01.txt").unlink())
    assert len(_changes(said)) == 2
    assert not any("Other" in line for line in said.out)


def test_watch_begins_with_nothing_there(watch: Watch, novel: Path) -> None:
    aside = novel.parent.parent / "aside"
    shutil.move(novel, aside)
    said = watch(lambda: shutil.move(aside, novel))
    assert said.status == 0 and "holds no readable novel" in said.error
    assert any(line.startswith("Anna Reed in Low Water: ") for line in said.out)


def test_once_compares_with_the_stored_verdict_and_ends(words: list[str], novel: Path) -> None:
    assert "no former verdict to compare with" in run(main, *words, "--once").out
    assert "nothing changed since the last verdict" in run(main, *words, "--once").out
    save_waiver(waivers_path(novel), Waiver("Anna Reed", CLAIM, "intended"))
    said = run(main, *words, "--once", "--exit_code")
    assert said.status in {0, 1, 3}
    assert any(line.startswith("  left out") for line in said.out)
    assert "Captain Ahab" in refused(main, *words, "--once", "--target_character", "Captain Ahab")


def test_every_character_of_a_sheet_is_watched(watch: Watch, words: list[str], backstory: Path, tmp_path: Path) -> None:
    backstory.write_text(SHEET, encoding="utf-8")
    del words[words.index("--target_character") : words.index("--target_character") + 2]
    said = watch(lambda: backstory.write_text(f"{SHEET}- Eyes: grey\n", encoding="utf-8"))
    first, second = _changes(said)
    assert first.count("no former verdict to compare with") == 2
    assert second.count("nothing changed since the last verdict") == 1
    assert [line for line in second if line.startswith("  new") and "Moss" in line]
    assert (tmp_path / "out" / "Dr Moss" / "report.html").is_file()


def test_report_reloads_itself_only_when_asked_to(words: list[str], tmp_path: Path) -> None:
    report = tmp_path / "out" / "report.html"
    run(main, *words, "--once")
    assert 'http-equiv="refresh"' not in report.read_text(encoding="utf-8")
    run(main, *words, "--once", "--reload", "5")
    page = report.read_text(encoding="utf-8")
    assert '<meta http-equiv="refresh" content="5">' in page
    assert "What changed since the last run" in page and "Nothing: the verdict and every claim" in page


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--backstory_file is missing"),
        (["--target_character", "Anna Reed"], "--backstory_file is missing"),
        (["--target_character", "A", "--backstory_file", "b", "--reload", "-1"], "--reload is -1; expected seconds"),
    ],
)
def test_what_cannot_be_watched_is_one_clear_line(flags: list[str], said: str) -> None:
    assert said in refused(main, "watch", *flags)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
def test_process_reads_a_replaced_file_and_ends_at_sigint(
    words: list[str], backstory: Path, stand_in_judge: Path, tmp_path: Path
) -> None:
    words = [*words, "--judge_dir", str(stand_in_judge)]
    with (tmp_path / "printed").open("w") as printed:
        process = subprocess.Popen([sys.executable, "-m", "pipeline", *words], cwd=ROOT, stdout=printed)
    try:
        _wait_for(process, tmp_path / "printed", "waiting for a change")
        scratch = tmp_path / "scratch"
        scratch.write_text(f"{BACKSTORY} She could not swim.", encoding="utf-8")
        os.replace(scratch, backstory)
        _wait_for(process, tmp_path / "printed", "  new ")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert (tmp_path / "printed").read_text(encoding="utf-8").splitlines()[-1].startswith("stopped watching")


def _wait_for(process: subprocess.Popen[bytes], path: Path, text: str) -> None:
    for _ in range(1200):
        if text in path.read_text(encoding="utf-8"):
            return
        assert process.poll() is None, "the process ended before it should"
        time.sleep(0.1)
    raise AssertionError(f"{text!r} was not printed in two minutes")
