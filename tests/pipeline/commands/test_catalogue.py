"""The commands by name: their help, quickly and without heavy libraries, and the entries that run them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.cli import dataset_main, judge_main, main, novel_check
from pipeline.commands.catalogue import INSTALLED, make_overview, make_parser, make_parsers
from pipeline.commands.settings import parse
from pipeline.config import ROOT
from tests.pipeline.command_line import refused

COMMANDS = tuple(make_parsers())
HEAVY = {"torch", "spacy", "pandas", "sklearn", "scipy", "groq", "numpy", "jinja2", "fsspec", "flask", "ray"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_gives_its_usage(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(make_parser(name), ["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "usage:" in shown
    assert "None" not in shown and "==SUPPRESS==" not in shown


def test_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"    {name} " not in shown and f"    {name}\n" not in shown] == []
    assert shown == make_overview().format_help()


def test_help_gives_defaults_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name, wanted in (
        ("judge", ["--backstory_file", "(6)", "(models/reader)", "python pipeline.py", "Exit status"]),
        ("dataset", ["book_name", "contradict", "examples/train.csv", "Exit status"]),
    ):
        with pytest.raises(SystemExit):
            parse(make_parser(name), ["--help"])
        shown = " ".join(capsys.readouterr().out.split())
        assert [text for text in wanted if text not in shown] == []


def test_scripts_are_commands_with_names_of_their_own() -> None:
    assert make_parser("judge").prog == "pipeline.py"
    assert make_parser("dataset").prog == "run_dataset.py"
    assert make_parser("read").prog == "python -m pipeline read"
    for script, name in ((judge_main, "judge"), (dataset_main, "dataset")):
        assert refused(script, "--nonsense") == refused(main, name, "--nonsense")
    assert make_parser("judge", INSTALLED).prog == "novel-check judge"
    assert "see novel-check judge --help" in refused(novel_check, "judge", "--nonsense")


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_flag_is_answered_with_the_help_of_its_command(name: str) -> None:
    positional = {"cache": ["show"], "characters": ["novel"]}.get(name, [])
    assert f"see {make_parser(name).prog} --help" in refused(main, name, *positional, "--nonsense")


@pytest.mark.parametrize("words", [["--help"], ["--nonsense"]])
def test_help_and_wrong_flags_import_nothing_heavy(words: list[str]) -> None:
    program = f"""
import contextlib, io, sys
from pipeline.cli import main
for name in {COMMANDS!r}:
    hidden = io.StringIO()
    with contextlib.redirect_stdout(hidden), contextlib.redirect_stderr(hidden), contextlib.suppress(SystemExit):
        main([name, *{words!r}])
print(sorted({HEAVY!r} & sys.modules.keys()))
"""
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
