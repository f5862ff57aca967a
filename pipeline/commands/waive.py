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
        "A mark whose passage was changed, for the passage that the report proposes:\n"
        "  python -m pipeline waive --claim 3 --renew\n"
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
    parser.add_argument(
        "--renew", action="store_true", help="confirm a mark to look at, for its claim and passage as they are now"
    )
    parser.add_argument("--novel", metavar="NAME", help="title, file name or path; else the novel of the verdict")
    parser.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    parser.add_argument("--out_dir", metavar="DIR", default="outputs", help="folder of the last verdict (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """List the claims of the last verdict, or mark one of them; return 0."""
    from pipeline.text.novels import find_novel

    out = Path(arguments.out_dir)
    claims: list[dict[str, Any]] = _read(out / "backstory.claims.json")
    judged = _read(out / "backstory_consistency.json")
    novel = find_novel(arguments.novels_dir, arguments.novel or judged["novel"])
    if arguments.claim is None:
        _list(novel, claims, judged["claims"])
        return 0
    number = _chosen(claims, arguments.claim)
    print_line(_change(arguments, novel, claims[number], judged["claims"][number].get("waiver_to_look_at")))
    return 0


def _change(arguments: argparse.Namespace, novel: Path, claim: dict[str, Any], loose: dict[str, Any] | None) -> str:
    """Mark a claim, confirm its mark or remove it, and return the line to print."""
    from pipeline.text.novels import load_novel
    from pipeline.waivers import drop_waiver, make_waiver, renew_waiver, save_waiver, waivers_path

    path, character, text = waivers_path(novel), claim["character"], claim["text"]
    if arguments.drop:
        drop_waiver(path, character=character, claim=loose["claim"] if loose else text)
        return f"counts again: {text}"
    pairs = _read(Path(arguments.out_dir) / "claim_chunk_pairs.json")[claim["id"]]
    book = load_novel(novel).text
    if not arguments.renew:
        waiver = make_waiver(character, text, pairs, kind=arguments.reason, reason=arguments.note, text=book)
        save_waiver(path, waiver, instead_of=loose["claim"] if loose else "")
    elif loose:
        waiver = renew_waiver(path, character, text, loose, pairs, text=book)
    else:
        raise WaiverError("the last verdict has no mark to look at for this claim; mark it without --renew")
    return f"{path}: left out of the next verdicts ({waiver}): {text}"


def _list(novel: Path, claims: list[dict[str, Any]], judged: list[dict[str, Any]]) -> None:
    """Print the claims with their marks, and then every mark of the novel whose passage is no longer in it."""
    from pipeline.text.novels import load_novel
    from pipeline.waivers import describe_loose, find_loose, load_waivers, same_claim, waivers_path

    waivers = load_waivers(waivers_path(novel))
    loose = find_loose(waivers, load_novel(novel)) if waivers else ()
    valid = [waiver for waiver in waivers if all(waiver is not one.waiver for one in loose)]
    for number, (claim, verdict) in enumerate(zip(claims, judged, strict=True), start=1):
        mark = next((one for one in valid if same_claim(one, claim["character"], claim["text"])), None)
        marked = f"  [left out: {mark}]" if mark else "  [a mark to look at]" if "waiver_to_look_at" in verdict else ""
        print_line(f"{number:>3}  {verdict['label']:<12} {claim['text']}{marked}")
    for one in loose:
        print_line(f"to look at ({one.waiver}): {one.waiver.character}: {one.waiver.claim}")
        print_line(f"     {describe_loose(one)}")


def _chosen(claims: list[dict[str, Any]], wanted: str) -> int:
    """Return the place of the claim with a number, counted from 1, or an id."""
    for place, claim in enumerate(claims):
        if wanted in (str(place + 1), claim["id"]):
            return place
    raise WaiverError(f"the last verdict has {len(claims)} claims and none is {wanted!r}; list them without --claim")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WaiverError(
            f"{path} cannot be read ({error}); expected the files of a verdict: judge a backstory first, or name "
            "its --out_dir"
        ) from error
