"""Check the files of plain claims, count them, and write them as tables.

python data/plain_claims/check.py                              # shape, ids, twins, balance
python data/plain_claims/check.py --novels FOLDER              # evidence verbatim in FOLDER/SLUG.txt as well
python data/plain_claims/check.py --counts                     # the table of the data card
python data/plain_claims/check.py --table dev --out dev.csv    # rows for `python -m pipeline evaluate-claims`
"""

from __future__ import annotations

import argparse
import csv
import difflib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SPLITS = ("train", "dev", "test")
TYPES = (
    "event",
    "possession",
    "occupation",
    "place",
    "appearance",
    "number",
    "age_or_date",
    "kinship",
    "belief_or_motive",
    "habit_or_taste",
    "relationship",
    "death_or_life",
    "skill_or_education",
    "injury_or_illness",
    "speech_or_promise",
    "origin",
)
DIFFICULTIES = ("direct", "reference", "inference")
FEWEST_FACTS, FEWEST_NOT_STATED = 40, 14
LONGEST_EVIDENCE = 1000
MOST_CHANGED = 20
"""Words that may differ between a true claim and its false twin."""
_ABOUT_THE_BOOK = re.compile(r"\b(this chapter|the previous chapter|this novel|the reader of)\b", re.IGNORECASE)

Book = dict[str, Any]


def files(split: str) -> list[Path]:
    """Return the files of a split, one per novel, by name."""
    return sorted((HERE / split).glob("*.json"))


def load(path: Path) -> Book:
    """Return the claims about one novel."""
    book: Book = json.loads(path.read_text(encoding="utf-8"))
    return book


def faults(path: Path, novel: str | None = None) -> Iterator[str]:
    """Yield what is wrong with a file; ``novel`` is the text in which the evidence must be verbatim."""
    book = load(path)
    facts, open_ = book["facts"], book["not_stated"]
    if len(facts) < FEWEST_FACTS or len(open_) < FEWEST_NOT_STATED:
        yield f"{len(facts)} facts and {len(open_)} not stated; expected {FEWEST_FACTS} and {FEWEST_NOT_STATED} or more"
    text = None if novel is None else _spaced(novel)
    for fact in facts:
        yield from (f"{fact['id']}: {fault}" for fault in _fact_faults(fact, text))
    for item in open_:
        yield from (f"{item['id']}: {fault}" for fault in _claim_faults(item["claim"]))
    yield from _repeated("id", [item["id"] for item in facts + open_])
    claims = [fact[twin] for fact in facts for twin in ("supported", "contradicted")]
    yield from _repeated("claim", [*claims, *(item["claim"] for item in open_)])
    if any(not item["id"].startswith(f"{path.stem}-") for item in facts + open_):
        yield f"an id does not begin with {path.stem}-"


def _fact_faults(fact: Book, text: str | None) -> Iterator[str]:
    if fact["type"] not in TYPES:
        yield f"unknown type {fact['type']!r}"
    if fact["difficulty"] not in DIFFICULTIES:
        yield f"unknown difficulty {fact['difficulty']!r}"
    for twin in ("supported", "contradicted"):
        yield from _claim_faults(fact[twin])
    changed = words_changed(fact["supported"], fact["contradicted"])
    if not 0 < changed <= MOST_CHANGED:
        yield f"the twins differ in {changed} words; expected 1 to {MOST_CHANGED}"
    if not 1 <= len(fact["evidence"]) <= 4:
        yield f"{len(fact['evidence'])} passages of evidence; expected 1 to 4"
    for passage in fact["evidence"]:
        if not 0 < len(passage) <= LONGEST_EVIDENCE:
            yield f"a passage of {len(passage)} characters; expected 1 to {LONGEST_EVIDENCE}"
        if text is not None and _spaced(passage) not in text:
            yield f"a passage is not verbatim in the novel: {passage[:60]!r}"


def _claim_faults(claim: str) -> Iterator[str]:
    if not 4 <= len(claim.split()) <= 36:
        yield f"{len(claim.split())} words: {claim!r}"
    if not claim.endswith("."):
        yield f"no full stop at the end: {claim!r}"
    if _ABOUT_THE_BOOK.search(claim):
        yield f"a claim about the book as a book: {claim!r}"


def _repeated(kind: str, values: Iterable[str]) -> Iterator[str]:
    yield from (f"{kind} occurs {count} times: {value!r}" for value, count in Counter(values).items() if count > 1)


def words_changed(one: str, other: str) -> int:
    """Return how many words differ between two claims, counted on the longer side.

    >>> words_changed("He was a clerk.", "He was a ship's cook.")
    2
    """
    first, second = one.split(), other.split()
    blocks = difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in blocks if kind != "equal")


def _spaced(text: str) -> str:
    return " ".join(text.split())


def counts() -> str:
    """Return the table of the data card: novels and claims by split, difficulty and type of fact."""
    lines = ["| | " + " | ".join(SPLITS) + " |", "|---" * (1 + len(SPLITS)) + "|"]
    books = {split: [load(path) for path in files(split)] for split in SPLITS}
    facts = {split: [fact for book in own for fact in book["facts"]] for split, own in books.items()}
    rows: list[tuple[str, list[int]]] = [
        ("novels", [len(books[split]) for split in SPLITS]),
        ("facts, each a true claim and a false twin", [len(facts[split]) for split in SPLITS]),
        ("claims that are not stated", [sum(len(book["not_stated"]) for book in books[split]) for split in SPLITS]),
    ]
    for field, values in (("difficulty", DIFFICULTIES), ("type", TYPES)):
        for value in values:
            rows.append((f"{field}: {value}", [sum(fact[field] == value for fact in facts[s]) for s in SPLITS]))
    lines += [f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |" for name, numbers in rows]
    return "\n".join(lines)


def table(split: str, out: Path) -> int:
    """Write the claims of a split as a table for ``evaluate-claims``; return the number of rows."""
    rows = [["id", "book_name", "char", "content", "label", "pair", "evidence", "kind", "difficulty"]]
    for path in files(split):
        book = load(path)
        for fact in book["facts"]:
            who = [book["book"], fact["character"]]
            more = [fact["id"], "\n".join(" ".join(text.split()) for text in fact["evidence"])]
            more += [fact["type"], fact["difficulty"]]
            rows.append([f"{fact['id']}-true", *who, fact["supported"], "consistent", *more])
            rows.append([f"{fact['id']}-false", *who, fact["contradicted"], "contradict", *more])
        for claim in book["not_stated"]:
            rows.append([claim["id"], book["book"], claim["character"], claim["claim"], "not_stated", "", "", "", ""])
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return len(rows) - 1


def main() -> int:
    """Do what the flags ask; return 1 where a file has a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--novels", type=Path, help="folder of the novels' texts, SLUG.txt each")
    parser.add_argument("--counts", action="store_true", help="print the table of the data card")
    parser.add_argument("--table", choices=SPLITS, help="write the true and false claims of a split as CSV")
    parser.add_argument("--out", type=Path, default=Path("claims.csv"), help="where --table writes")
    arguments = parser.parse_args()
    if arguments.counts:
        print(counts())
        return 0
    if arguments.table:
        print(f"{table(arguments.table, arguments.out)} rows: {arguments.out}")
        return 0
    found = 0
    for path in (path for split in SPLITS for path in files(split)):
        novel = arguments.novels / f"{path.stem}.txt" if arguments.novels else None
        text = novel.read_text(encoding="utf-8") if novel is not None and novel.is_file() else None
        for fault in faults(path, text):
            print(f"{path.parent.name}/{path.name}: {fault}")
            found += 1
    print(f"{found} faults")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
