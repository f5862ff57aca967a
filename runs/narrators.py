"""Measure the finding of narrators on the train novels of data/plain_claims. See runs/narrators.md.

    python runs/narrators.py --novels NOVELS            # the six and the twenty of the page
    python runs/narrators.py --novels NOVELS --all      # every train novel with a text and a mark of its narration

NOVELS has SLUG.txt for each novel.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.config import ChunkConfig
from pipeline.errors import CharacterError
from pipeline.narration.narrators import Narration, find_narration
from pipeline.narration.presence import Presence
from pipeline.records import Chunk, Novel
from pipeline.text.characters import resolve_character
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences

DATA = Path(__file__).parents[1] / "data" / "plain_claims" / "train"
FIRST, THIRD = 6, 20
"""The first so many novels by slug, in the first and in the third person."""
GOLD = {
    "a_journey_into_the_interior_of_the_earth": "Axel",
    "a_veldt_vendetta": "Kenrick Holt",
    "allan_s_wife": "Allan Quatermain",
    "bartleby_the_scrivener_a_story_of_wall_street": "",
    "beautiful_joe_an_autobiography": "Beautiful Joe",
    "black_beauty": "Black Beauty",
}
"""The narrators of the six as the facts name them; the lawyer of Bartleby has no name."""
I_WORDS = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Mm]yself|[Mm]ine)\b")


def main() -> int:
    """Print the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--novels", type=Path, required=True)
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    marked = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(DATA.glob("*.json"))]
    novels = [(slug, card) for slug, card in marked if (arguments.novels / f"{slug}.txt").is_file()]
    first = [(slug, card) for slug, card in novels if card.get("narration") == "first"]
    third = [(slug, card) for slug, card in novels if card.get("narration") == "third"]
    if not arguments.all:
        first, third = first[:FIRST], third[:THIRD]
    for slug, card in first:
        print(_first(arguments.novels / f"{slug}.txt", card, GOLD.get(slug)))
    found = [(slug, find_narration(load_novel(arguments.novels / f"{slug}.txt"))) for slug, _ in third]
    for slug, narration in found:
        print(f"third {slug}: {_described(narration)}")
    narrators = sum(any(teller.how != "signature" for teller in narration.tellers) for _, narration in found)
    letters = sum(bool(narration.tellers) for _, narration in found) - narrators
    notices = sum(bool(narration.notices) for _, narration in found)
    print(f"third person: {len(found)} novels; narrator in {narrators}, letters in {letters}, notice in {notices}")
    return 0


def _first(path: Path, card: dict[str, Any], gold: str | None) -> str:
    """Return the line of a first-person novel; with a gold narrator also the chunks of its evidence."""
    novel = load_novel(path)
    narration = find_narration(novel)
    line = f"first {path.stem}: {_described(narration)}"
    if not gold:
        return line
    sentences = split_sentences(novel, load_nlp(None))
    chunks = make_chunks(novel, sentences, ChunkConfig())
    evidence = set(_evidence_chunks(novel, chunks, card, gold))
    before = set(_named(gold, novel, sentences, chunks))
    after = set(Presence(novel, sentences, chunks, narration).find(gold).chunks)
    shares = " -> ".join(f"{len(evidence & present)}/{len(evidence)}" for present in (before, after))
    return f"{line}; evidence chunks with {gold}: {shares}; all chunks: {len(before)} -> {len(after)} of {len(chunks)}"


def _named(gold: str, novel: Novel, sentences: Sequence[Any], chunks: Sequence[Chunk]) -> tuple[int, ...]:
    try:
        return resolve_character(gold, novel, sentences, chunks).chunks
    except CharacterError:
        return ()


def _described(narration: Narration) -> str:
    tellers = ", ".join(f"{teller.name} ({teller.how})" for teller in narration.tellers) or "none"
    return tellers + "".join(f" [notice: {notice[:90]}...]" for notice in narration.notices)


def _evidence_chunks(novel: Novel, chunks: Sequence[Chunk], card: dict[str, Any], gold: str) -> Iterator[int]:
    """Yield the chunks that overlap a passage of evidence with "I", "me" or "my", of a fact about the narrator."""
    passages = [
        passage
        for fact in card["facts"]
        if fact["character"] == gold
        for passage in fact["evidence"]
        if I_WORDS.search(passage)
    ]
    for passage in passages:
        pattern = r"\s+".join(map(re.escape, passage.split()))
        for match in re.finditer(pattern, novel.text):
            yield from (chunk.index for chunk in chunks if chunk.start < match.end() and chunk.end > match.start())


if __name__ == "__main__":
    sys.exit(main())
