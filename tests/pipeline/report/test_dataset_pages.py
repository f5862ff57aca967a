"""The index of a table and the pages of its rows: every row leads to its page, and no text is taken for markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pipeline.records import TableLabel
from pipeline.report.book import book_view
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.report.dataset_pages import write_pages
from tests.pipeline.report.small_world import STING, World, make_row

METRICS: dict[str, Any] = {
    "rows": 3,
    "folds": 2,
    "repeats": 2,
    "figures": {"accuracy": {"value": 0.6, "low": 0.5, "high": 0.7}},
    "baselines": {"majority": {"accuracy": {"value": 0.5, "low": None, "high": None}}},
}


def _rows(world: World, *labels: TableLabel | None) -> list[RowEvidence]:
    return [make_row(world, str(number), given_label=label) for number, label in enumerate(labels)]


def _write(folder: Path, world: World, **tables: list[RowEvidence]) -> list[Path]:
    books = {world.novel.name: book_view(world.novel, world.chunks, world.cast, world.reading)}
    metrics = METRICS if any(row.given_label for rows in tables.values() for row in rows) else {}
    return list(write_pages(folder, tables, books, metrics, world.manifest))


def _said(path: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8"))).split())


def test_index_leads_to_a_page_for_each_row(world: World, tmp_path: Path) -> None:
    index, *pages = _write(tmp_path, world, train=_rows(world, "consistent", "inconsistent"), test=_rows(world, None))
    assert [page.relative_to(tmp_path).as_posix() for page in pages] == [
        "rows/train-0.html",
        "rows/train-1.html",
        "rows/test-0.html",
    ]
    assert re.findall(r'href="(rows/[^"]+)"', index.read_text(encoding="utf-8")) == [
        "rows/train-0.html",
        "rows/train-1.html",
        "rows/test-0.html",
    ]


def test_index_counts_correct_and_wrong_verdicts(world: World, tmp_path: Path) -> None:
    rows = _rows(world, "consistent", "consistent", "inconsistent")
    index, *_ = _write(tmp_path, world, train=rows, test=_rows(world, None))
    said = _said(index)
    assert "2 of 3 labelled rows judged correctly" in said
    assert "labelled consistent 2 0 labelled inconsistent 1 0" in said
    assert "ours 0.60 [0.50, 0.70] majority 0.50" in said


def test_index_without_labels_has_no_confusion_matrix(world: World, tmp_path: Path) -> None:
    index, *_ = _write(tmp_path, world, train=[], test=_rows(world, None))
    assert "labelled rows" not in _said(index) and "Label in the table" not in _said(index)


def test_page_of_a_row_shows_the_label_in_the_table_and_links_back(world: World, tmp_path: Path) -> None:
    _, right, wrong = _write(tmp_path, world, train=_rows(world, "consistent", "inconsistent"))
    assert "The label of this row in the table is consistent: the verdict is correct." in _said(right)
    assert "The label of this row in the table is inconsistent: the verdict is wrong." in _said(wrong)
    assert 'href="../index.html"' in right.read_text(encoding="utf-8")
    assert "One claim stands." in _said(right)


def test_ids_that_no_file_name_can_hold_get_names_of_their_own(world: World, tmp_path: Path) -> None:
    rows = [replace(make_row(world, "1"), id=id) for id in ("../a", "..\\a", "A?", "a?")]
    _, *pages = _write(tmp_path, world, train=[], test=rows)
    assert len({page.name.casefold() for page in pages}) == 4
    assert {page.parent for page in pages} == {tmp_path / "rows"}


def test_policy_of_the_index_allows_its_own_style_and_script_alone(world: World, tmp_path: Path) -> None:
    index, *_ = _write(tmp_path, world, train=[], test=_rows(world, None))
    source = index.read_text(encoding="utf-8")
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode("utf-8")).digest()).decode("ascii")
        assert f"{tag}-src 'sha256-{digest}'" in source
    assert "default-src 'none'" in source and "src=" not in source.replace("-src", "")


def test_rows_full_of_markup_show_as_text(hostile: World, tmp_path: Path) -> None:
    row = replace(make_row(hostile, "1"), id=STING, char=STING, book_name=STING, novel=STING, rationale=STING)
    index, page = _write(tmp_path, hostile, train=[], test=[row])
    for path in (index, page):
        source = path.read_text(encoding="utf-8")
        assert "<img" not in source and "alert(1)</script>" not in source
        assert source.count("<script>") == (1 if path == index else 0)


@pytest.mark.parametrize("label", ["consistent", None])
def test_pages_are_the_same_bytes_again(world: World, tmp_path: Path, label: TableLabel | None) -> None:
    first = [path.read_bytes() for path in _write(tmp_path / "a", world, train=_rows(world, label))]
    assert first == [path.read_bytes() for path in _write(tmp_path / "b", world, train=_rows(world, label))]
