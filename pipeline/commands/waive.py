"""``python -m pipeline waive``: leave a claim of the last verdict out of the next ones, with a reason."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pipeline.commands.progress import print_line
from pipeline.commands.shared_flags import NOVELS_DIR, CommandParser
from pipeline.errors import WaiverError

SUMMARY = "mark a claim of the last verdict as intentional, with a reason"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Mark a claim of the last verdict as intentional; it is then left out of the verdict on the backstory. Without "
        "--claim, list the claims."
    )
    parser.epilog = (
        "  python -m pipeline waive\n"
        "  python -m pipeline waive --claim 3 --reason flashback --note 'chapter 12 is a memory'\n"
        "  python -m pipeline waive --claim 3 --drop\n"
        "The mark is stored in <novel>.waivers.json next to the novel (docs/outputs.md)."
    )
    parser.add_argument("--claim", metavar="CLAIM", help="number or id of a claim, as this command lists them")
    parser.add_argument(
        "--reason",
        metavar="KIND",
        default="intended",
        help="flashback, dream, lie, intended or wrong alarm (%(default)s)",
    )
    parser.add_argument("--note", metavar="TEXT", default="", help="why, in your own words")
    parser.add_argument("--drop", action="store_true", help="remove the mark, so that the claim counts again")
    parser.add_argument("--novel", metavar="NAME", help="title, file name or path; else the novel of the verdict")
    parser.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    parser.add_argument("--out_dir", metavar="DIR", default="outputs", help="folder of the last verdict (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """List the claims of the last verdict, or mark one of them; return 0."""
    from pipeline.text.novels import find_novel
    from pipeline.waivers import drop_waiver, load_waivers, make_waiver, same_claim, save_waiver, waivers_path

    out = Path(arguments.out_dir)
    claims: list[dict[str, Any]] = _read(out / "backstory.claims.json")
    judged = _read(out / "backstory_consistency.json")
    path = waivers_path(find_novel(arguments.novels_dir, arguments.novel or judged["novel"]))
    if arguments.claim is None:
        waivers = load_waivers(path)
        for number, (claim, verdict) in enumerate(zip(claims, judged["claims"], strict=True), start=1):
            mark = next((one for one in waivers if same_claim(one, claim["character"], claim["text"])), None)
            marked = f"  [left out: {mark}]" if mark else ""
            print_line(f"{number:>3}  {verdict['label']:<12} {claim['text']}{marked}")
        return 0
    claim = _chosen(claims, arguments.claim)
    if arguments.drop:
        drop_waiver(path, character=claim["character"], claim=claim["text"])
        print_line(f"counts again: {claim['text']}")
        return 0
    pairs = _read(out / "claim_chunk_pairs.json")[claim["id"]]
    waiver = make_waiver(claim["character"], claim["text"], pairs, kind=arguments.reason, reason=arguments.note)
    print_line(f"{save_waiver(path, waiver)}: left out of the next verdicts ({waiver}): {claim['text']}")
    return 0


def _chosen(claims: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the claim with a number, counted from 1, or an id."""
    for number, claim in enumerate(claims, start=1):
        if wanted in (str(number), claim["id"]):
            return claim
    raise WaiverError(f"the last verdict has {len(claims)} claims and none is {wanted!r}; list them without --claim")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WaiverError(
            f"{path} cannot be read ({error}); expected the files of a verdict: run pipeline.py first, or name its "
            "--out_dir"
        ) from error
