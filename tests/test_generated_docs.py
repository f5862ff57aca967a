"""What documents say of flags, figures, modules and names is what is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bdh.cli import parse
from docs import generate_results
from docs.generate import FILLED, WHOLE, make
from pipeline.commands.judge_claims import COLUMNS
from pipeline.evaluation.ablations import SYSTEMS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
OTHERS = {"--head", "--address", "--no", "--nproc_per_node", "--claims"}
"""Flags of ray, pip, torchrun, and of the scripts under runs/."""


@pytest.mark.parametrize("page", [*WHOLE, *FILLED])
def test_page_is_the_generated_one(page: str) -> None:
    assert make(page) == (ROOT / page).read_text(encoding="utf-8"), "run `make docs`"


def test_flags_page_names_every_command_and_alias() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name in ("python pipeline.py", "python run_dataset.py", "python -m bdh train", "python -m pipeline cache"):
        assert f"## `{name}`" in page
    for alias in ("`--file`", "`--model_size`", "`--seed_text`", "`--hf_repo_id`", "`--model_path`", "`--max_chunks`"):
        assert alias in page
    assert "SUPPRESS" not in page and "%(default)" not in page


def test_commands_on_the_page_of_the_language_model_exist() -> None:
    text = (DOCS / "language_model.md").read_text(encoding="utf-8")
    commands = re.findall(r"python -m bdh ([^`>#\n]*)|torchrun [^`\n]*-m bdh ([^`#\n]*)", text)
    lines = [first or second for first, second in commands]
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(line)
        assert parse(words).command == words[0]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/language_model.md",
        "docs/judges.md",
        "docs/cache.md",
        "docs/continuity.md",
        "docs/many_novels.md",
    ],
)
def test_flags_on_a_page_exist(page: str) -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z]\w*", (ROOT / page).read_text(encoding="utf-8")))
    known = set(re.findall(r"`(--\w+)`", (DOCS / "cli.md").read_text(encoding="utf-8")))
    assert flags and flags - known - OTHERS == set()


def test_every_figure_has_its_set_command_commit_and_date() -> None:
    for table in generate_results.load_tables().values():
        assert table.set and table.command.strip(), table.id
        assert re.match(r"[0-9a-f]{7}\b", table.commit) and re.match(r"\d{4}-\d\d-\d\d\b", table.date), table.id
        assert (ROOT / table.page).is_file(), f"{table.id}: {table.page}"


def test_changed_record_of_figures_is_refused_until_its_commit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "runs/records/former_claims.json"
    monkeypatch.setitem(generate_results.source()["records"], name, "0" * 12)
    with pytest.raises(ValueError, match=f"{name} has changed .* commit and date"):
        generate_results.read_record(name)


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        ({"value": 0.6264, "low": 0.6074, "high": 0.6451}, False, ".626 [.607, .645]"),
        ({"value": 0.0382, "low": -0.0149, "high": 0.0575}, True, "+.038 [-.015, .058]"),
        ({"value": -0.0102, "low": -0.016, "high": -0.0033}, True, "-.010 [-.016, -.003]"),
        ({"value": 0.5, "low": 0.5, "high": 0.5}, False, ".500"),
        ({"value": None, "low": None, "high": None}, False, "-"),
        (1.29208, False, "1.292"),
    ],
)
def test_figure_is_shown_to_three_digits_with_its_interval(value: object, signed: bool, shown: str) -> None:
    assert generate_results.show(value, signed=signed) == shown


def test_outputs_page_names_every_system_and_column_of_the_measurements() -> None:
    page = (DOCS / "outputs.md").read_text(encoding="utf-8")
    claims, ablations = page.split("## Claims:", 1)[1].split("## Ablations:", 1)
    assert [name for name in {*COLUMNS, *COLUMNS.values()} if f"`{name}`" not in claims] == []
    assert [name for name in SYSTEMS if f"`{name}`" not in ablations] == []


def test_every_name_of_the_glossary_is_in_its_file() -> None:
    rows = re.findall(
        r"^\| .+ \| `(.+?)` \| `(.+?)` \|$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 25
    for name, file in rows:
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8")), f"{name} is not in {file}"
