"""The pages of the site, by their paths in the repository; a hook of mkdocs.

mkdocs reads one folder, and the documents of a repository lie next to what they describe. So the pages are named here,
with the files that they link to, and each keeps its path: a link that works in the repository works on the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "*.md",
    "benchmarks/**/*.md",
    "data/plain_claims/*.md",
    "docs/**/*.md",
    "examples/*.md",
    "models/**/*.md",
    "runs/**/*.md",
)
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def pages() -> list[Path]:
    """Return every document of the repository."""
    return sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})


def linked_files(page: Path) -> set[Path]:
    """Return the files other than documents that a page links to."""
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    files = ((page.parent / target).resolve() for target in targets if "://" not in target)
    return {path for path in files if path.is_file() and path.suffix != ".md" and ROOT in path.parents}


def on_config(config: MkDocsConfig) -> None:
    """Add the decision records to the navigation."""
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    nav: list[Any] = config.nav or []
    nav.append({"Decisions": [path.relative_to(ROOT).as_posix() for path in records]})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files of the theme, the documents, and what these link to."""
    own = {*pages(), *(file for page in pages() for file in linked_files(page))}
    uris = sorted(path.relative_to(ROOT).as_posix() for path in own)
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *(File.generated(config, uri, abs_src_path=str(ROOT / uri)) for uri in uris)])
