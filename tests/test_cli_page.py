"""docs/cli.md says what the parsers take."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_page_of_commands_is_that_of_the_parsers() -> None:
    made = runpy.run_path(str(DOCS / "generate_cli.py"))["make_page"]()
    assert made == (DOCS / "cli.md").read_text(encoding="utf-8"), "make it anew: python -m docs.generate_cli"


def test_page_names_every_command_and_alias() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name in ("python pipeline.py", "python run_dataset.py", "python -m bdh train", "python -m pipeline cache"):
        assert f"## `{name}`" in page
    for alias in ("`--file`", "`--model_size`", "`--seed_text`", "`--hf_repo_id`", "`--model_path`", "`--max_chunks`"):
        assert alias in page
    assert "SUPPRESS" not in page and "%(default)" not in page
