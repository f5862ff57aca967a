"""``python -m pipeline export``: the findings of the last verdict for an editor, as a list and as comments in Word."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.progress import print_line
from pipeline.commands.shared_flags import NOVELS_DIR, CommandParser
from pipeline.config import ROOT
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from pipeline.records import Novel
    from pipeline.report.word_comments import CommentedDocument

SUMMARY = "write the findings of the last verdict as a Markdown list and as comments in a Word document"
LIST, DOCUMENT = "findings.md", "findings.docx"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        f"Write the contradicted claims of the last verdict, or of all characters of a sheet: {LIST}, a list with "
        f"boxes to tick, and {DOCUMENT}, the novel with a comment at each passage. A novel that is a .docx file keeps "
        "its own layout. The text of the novel is not changed."
    )
    parser.epilog = "  python -m pipeline export\n  python -m pipeline export --out_dir outputs --unsure"
    parser.add_argument(
        "--unsure", action="store_true", help="also claims left open that are nearer to contradicted than to supported"
    )
    parser.add_argument("--novel", metavar="NAME", help="title, file name or path; else the novel of the verdict")
    parser.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    parser.add_argument("--out_dir", metavar="DIR", default="outputs", help="folder of the last verdict (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Write both files and print their paths; return 0."""
    from pipeline.report.findings import findings_markdown
    from pipeline.storage.files import write_bytes, write_text
    from pipeline.text.novels import load_novel

    out, unsure = Path(arguments.out_dir), arguments.unsure
    folders = verdict_folders(out)
    answers = [stored_answer(folder) for folder in folders]
    novel = load_novel(_judged_novel(arguments.novels_dir, arguments.novel or answers[0]["novel"]))
    document = comment_novel(novel, folders, unsure=unsure)
    print_line(str(write_text(out / LIST, findings_markdown(novel.name, answers, unsure=unsure))))
    print_line(str(write_bytes(out / DOCUMENT, document.data)))
    for finding in document.unplaced:
        print_line(f"note: no place in the document for a comment, see {LIST}: {finding.character}: {finding.claim}")
    return 0


def _judged_novel(folder: str, name: str) -> Path:
    """Return the file of a novel; that of the bundled story where ``demo`` judged it and no other folder is there."""
    from pipeline.text.novels import find_novel

    story = ROOT / "novels" / f"{name}.txt"
    if folder == NOVELS_DIR and not Path(folder).exists() and story.is_file():
        return story
    return find_novel(folder, name)


def comment_novel(novel: Novel, folders: Sequence[Path], *, unsure: bool = False) -> CommentedDocument:
    """Return the novel as a Word document with the findings of stored verdicts; raises OutputError, NovelError."""
    from pipeline.report.findings import find_findings
    from pipeline.report.word_comments import comment_findings

    for folder in folders:
        _check_novel(folder, novel)
    findings = [finding for each in folders for finding in find_findings(stored_answer(each), unsure=unsure)]
    path = Path(novel.path)
    return comment_findings(novel, findings, path.read_bytes() if path.suffix.lower() == ".docx" else None)


def verdict_folders(out: Path) -> list[Path]:
    """Return the folders of the verdicts of the last run: that of each character of a sheet, else ``out``."""
    sheet, single = out / "sheet.json", out / "backstory_consistency.json"
    if not sheet.is_file() or (single.is_file() and single.stat().st_mtime_ns > sheet.stat().st_mtime_ns):
        return [out]
    return [out / entry["folder"] for entry in json.loads(sheet.read_text(encoding="utf-8"))["characters"]]


def stored_answer(folder: Path) -> Mapping[str, Any]:
    """Return the verdict stored in a folder; raises OutputError where there is no complete one."""
    from pipeline.report.stored import load_answer

    answer = load_answer(folder)
    if answer is None:
        raise OutputError(
            f"{folder} has no complete verdict; expected the files of one run: judge a backstory first, or "
            "name its --out_dir"
        )
    return answer


def _check_novel(folder: Path, novel: Novel) -> None:
    """Raise OutputError where the novel is another one than that of the verdict, or was changed since."""
    known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["novels"]
    if novel.sha256 not in known.values():
        raise OutputError(
            f"{novel.path} is not as it was judged, so the offsets of the findings may be wrong; judge it again first"
        )
