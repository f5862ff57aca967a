"""The site has every document, and its navigation those that people look for."""

from __future__ import annotations

import re
from pathlib import Path

from docs import site_pages

ROOT = Path(__file__).resolve().parent.parent
IN_NAV = re.compile(r"(?:- |: )([\w/-]+\.md)$", re.MULTILINE)


def _listed() -> list[str]:
    return IN_NAV.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def test_navigation_lists_every_page_of_the_documents_and_every_card_once() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in site_pages.pages()}
    wanted = {
        name for name in names if name.startswith(("docs/", "models/")) and not name.startswith("docs/decisions/")
    }
    listed = _listed()
    assert len(listed) == len(set(listed)) and wanted <= set(listed) <= names


def test_site_has_the_files_that_pages_link_to() -> None:
    linked = site_pages.linked_files(ROOT / "runs" / "controls.md")
    assert ROOT / "runs" / "records" / "controls.svg" in linked
