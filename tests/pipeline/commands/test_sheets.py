"""Every sheet of a folder is judged by its name, and the exit status is that of the worst."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.commands.judge import EXIT_CODES
from pipeline.errors import CharacterError
from tests.pipeline.command_line import refused, run


def _answer(label: str) -> dict[str, Any]:
    claims = [
        {"text": "She was born inland.", "label": "contradicted", "rationale": "The book contradicts this."},
        {"text": "She lied.", "label": "contradicted", "rationale": "Meant.", "waiver": "a lie"},
    ]
    return {"verdict": label, "probability": 0.25, "claims": claims if label == "inconsistent" else []}


@pytest.fixture
def sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sheets in the working folder; a sheet contains the verdict on it, or an error."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sheets"
    folder.mkdir()

    def judge(arguments: argparse.Namespace) -> int:
        text = Path(arguments.backstory_file).read_text(encoding="utf-8")
        assert arguments.json and arguments.exit_code
        assert Path(arguments.out_dir) == Path("outputs") / arguments.target_character
        if text == "error":
            raise CharacterError(f"no {arguments.target_character} in\nthe novel")
        print(json.dumps(_answer(text)))
        return EXIT_CODES[text]  # type: ignore[index]

    monkeypatch.setattr("pipeline.commands.judge.run", judge)
    return folder


def write(folder: Path, **sheets: str) -> None:
    for name, text in sheets.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("verdicts", "flags", "status"),
    [
        (["consistent"], [], 0),
        (["consistent", "uncertain"], [], 0),
        (["consistent", "uncertain"], ["--fail_on_uncertain"], 3),
        (["uncertain", "inconsistent", "consistent"], ["--fail_on_uncertain"], 1),
        (["inconsistent", "error"], [], 2),
    ],
)
def test_exit_status_is_that_of_the_worst_sheet(
    sheets: Path, verdicts: list[str], flags: list[str], status: int
) -> None:
    write(sheets, **{f"person{number}": verdict for number, verdict in enumerate(verdicts)})
    assert run(main, "sheets", *flags).status == status


def test_lines_name_each_sheet_and_what_is_contradicted(sheets: Path) -> None:
    write(sheets, Anna="consistent", Ben="inconsistent", Carl="error")
    assert run(main, "sheets").out == [
        "sheets/Anna.txt: consistent (probability of consistent 0.25)",
        "sheets/Ben.txt: inconsistent (probability of consistent 0.25)",
        "  She was born inland. The book contradicts this.",
        "sheets/Carl.txt: not judged: no Carl in the novel",
    ]


def test_annotations_are_errors_and_warnings_of_a_build(sheets: Path) -> None:
    write(sheets, Anna="consistent", Ben="inconsistent", Carl="error", Dora="uncertain")
    lines = [line for line in run(main, "sheets", "--github").out if line.startswith("::")]
    assert lines == [
        "::error file=sheets/Ben.txt,title=Ben::inconsistent. She was born inland. The book contradicts this.",
        "::error file=sheets/Carl.txt,title=Carl::no Carl in the novel",
        "::warning file=sheets/Dora.txt,title=Dora::uncertain. ",
    ]


def test_json_is_a_list_of_the_verdicts(sheets: Path) -> None:
    write(sheets, Ben="inconsistent", Carl="error")
    done = run(main, "sheets", "--json")
    first, second = json.loads("\n".join(done.out))
    assert first == {"sheet": "sheets/Ben.txt", **_answer("inconsistent")}
    assert second == {"sheet": "sheets/Carl.txt", "error": "no Carl in the novel"}
    assert done.err[0].startswith("sheets/Ben.txt: inconsistent")


def test_folder_gives_its_text_files_and_no_readme(sheets: Path) -> None:
    write(sheets, Ben="consistent", README="error")
    (sheets / "Ben.png").write_bytes(b"")
    (sheets / "Ida.md").write_text("uncertain", encoding="utf-8")
    names = [line.split(":")[0] for line in run(main, "sheets", "sheets").out]
    assert names == ["sheets/Ben.txt", "sheets/Ida.md"]
    assert len(run(main, "sheets", "sheets/Ben.txt", "sheets/Ida.md").out) == 2


def test_folder_without_sheets_is_an_error(sheets: Path) -> None:
    assert "no sheet in sheets" in refused(main, "sheets")
