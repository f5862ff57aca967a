"""``python -m pipeline export``: files for an editor from the stored verdict, refused where they would mislead."""

from __future__ import annotations

import io
import json
from pathlib import Path

import docx
import pytest

from pipeline.cli import main
from pipeline.commands import export
from pipeline.report.entries import answer_entry
from pipeline.report.sheet import write_sheet
from pipeline.report.sheet_view import SheetEntry, sheet_entry
from pipeline.storage.files import sha256_of
from tests.pipeline.command_line import refused, run
from tests.pipeline.report.small_world import TEXT, World, make_world


@pytest.fixture
def novels(tmp_path: Path) -> Path:
    """A folder with the small novel."""
    (tmp_path / "novels").mkdir()
    (tmp_path / "novels" / "The Ferry.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path / "novels"


def _stored(folder: Path, novels: Path) -> World:
    """Write the artefacts of a verdict on the novel as it is in its folder."""
    world = make_world()
    world.write(folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["novels"] = {"The Ferry": sha256_of(novels / "The Ferry.txt")}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return world


def test_list_and_document_are_written_next_to_the_verdict(novels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _stored(out, novels)
    said = run(main, "export", "--novels_dir", str(novels), "--out_dir", str(out))
    assert said.status == 0 and said.out == [str(out / "findings.md"), str(out / "findings.docx")]
    assert "- [ ] Her father outlived her." in (out / "findings.md").read_text(encoding="utf-8")
    (comment,) = docx.Document(io.BytesIO((out / "findings.docx").read_bytes())).comments
    assert comment.text.startswith("Ada Vane: “Her father outlived her.”")


def test_findings_of_all_characters_of_a_sheet_are_in_one_list(novels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    worlds = {name: _stored(out / name, novels) for name in ("Ada Vane", "Ada")}
    entries = [SheetEntry(name, answer_entry(one.novel, one.verdict, ())) for name, one in worlds.items()]
    write_sheet(out, sheet_entry(make_world().novel, entries, (), ()), entries)
    run(main, "export", "--novels_dir", str(novels), "--out_dir", str(out))
    assert (out / "findings.md").read_text(encoding="utf-8").count("## Ada Vane: inconsistent") == 2


def test_findings_of_the_demo_need_no_folder_of_novels(
    novels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user").mkdir()
    _stored(tmp_path / "user" / "outputs", novels)
    monkeypatch.setattr(export, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path / "user")
    assert run(main, "export").status == 0 and Path("outputs/findings.docx").is_file()
    assert "the novels folder others does not exist" in refused(main, "export", "--novels_dir", "others")
    Path("novels").mkdir()
    assert "The Ferry" in refused(main, "export")


def test_novel_that_was_changed_since_is_refused(novels: Path, tmp_path: Path) -> None:
    _stored(tmp_path / "out", novels)
    (novels / "The Ferry.txt").write_text(TEXT.replace("ferry", "small ferry"), encoding="utf-8")
    message = refused(main, "export", "--novels_dir", str(novels), "--out_dir", str(tmp_path / "out"))
    assert "is not as it was judged" in message and "judge it again first" in message
    assert not (tmp_path / "out" / "findings.md").exists()


def test_folder_without_a_verdict_is_refused(novels: Path, tmp_path: Path) -> None:
    message = refused(main, "export", "--novels_dir", str(novels), "--out_dir", str(tmp_path / "none"))
    assert "has no complete verdict" in message
