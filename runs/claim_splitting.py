"""Count the claims of tables of backstories with and without ``pipeline/claims/coordination.py``.

Prints the counts, and every sentence that the two split differently with its parts. It needs no weights. The tables
are CSV files with the columns ``char`` and ``content``; the result is in ``docs/log.md``::

    python runs/claim_splitting.py dev.csv train.csv
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.claims import clauses
from pipeline.claims.extract import extract_claims, split_backstory
from pipeline.claims.subject import Protagonist
from pipeline.text.sentences import load_nlp

NLP = load_nlp(None)
SPLIT = clauses.split_predicates


def leave_whole(clause: str, person: Protagonist) -> Iterator[str]:
    """Yield a clause as it is."""
    yield clause


def main(tables: list[str]) -> None:
    """Print the counts and the sentences that differ."""
    count: Counter[str] = Counter()
    seen: set[str] = set()
    for table in tables:
        for row in csv.DictReader(StringIO(Path(table).read_text(encoding="utf-8"), newline="")):
            sentences, person = split_backstory(row["content"], row["char"], NLP)
            parts = {}
            for name, split in (("without", leave_whole), ("with", SPLIT)):
                clauses.split_predicates = split
                count[f"claims {name}"] += len(extract_claims(row["content"], row["char"], NLP))
                parts[name] = [list(clauses.split_facts(sentence, person)) for sentence in sentences]
            for sentence, before, after in zip(sentences, parts["without"], parts["with"], strict=True):
                if before != after and sentence not in seen:
                    seen.add(sentence)
                    print("", sentence, *after, sep="\n  ")
    print(dict(count), len(seen), "distinct sentences differ")


if __name__ == "__main__":
    main(sys.argv[1:])
