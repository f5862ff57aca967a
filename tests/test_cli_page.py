"""docs/cli.md lists the flags of every parser."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

from bdh.cli import parse

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_page_is_generated_from_the_parsers() -> None:
    made = runpy.run_path(str(DOCS / "generate_cli.py"))["make_page"]()
    assert made == (DOCS / "cli.md").read_text(encoding="utf-8"), "generate it again: python -m docs.generate_cli"


def test_page_names_every_command_and_alias() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name in ("python pipeline.py", "python run_dataset.py", "python -m bdh train", "python -m pipeline cache"):
        assert f"## `{name}`" in page
    for alias in ("`--file`", "`--model_size`", "`--seed_text`", "`--hf_repo_id`", "`--model_path`", "`--max_chunks`"):
        assert alias in page
    assert "SUPPRESS" not in page and "%(default)" not in page


def test_commands_in_the_table_of_features_are_ones_that_exist() -> None:
    text = (DOCS / "features.md").read_text(encoding="utf-8")
    commands = re.findall(r"`[^`]*python -m bdh ([^`>]*)`|`torchrun [^`]*-m bdh ([^`]*)`", text)
    lines = [first or second for first, second in commands]
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(line)
        if "..." not in words:
            assert parse(words).command == words[0]
