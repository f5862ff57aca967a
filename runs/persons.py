"""Prepare the data of the person tagger (models/persons), and measure taggers on LitBank. See runs/persons.md.

    python runs/persons.py prepare --litbank DIR --out DATA          # train, held-out and dev documents as DocBins
    python runs/persons.py silver --teacher DIR --novels DIR --out DATA/silver.spacy --leave_out DATA/dev.spacy
    python runs/persons.py join DATA/train.spacy*4 DATA/silver.spacy --out DATA/all.spacy
    python runs/persons.py ship TRAINED/model-best --out models/persons
    python runs/persons.py measure --documents DATA/dev.spacy rules models/persons en_core_web_sm

``prepare`` reads LitBank as JSON lines: doc, tokens, sentence_starts, entities and clusters with mentions of type PROP,
NOM or PRON. ``silver`` labels novels with an earlier tagger and the book-level vote of the pipeline.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc, DocBin
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.language.folding import fold_aligned
from pipeline.language.titles import PARTICLES, TITLES
from pipeline.language.word_lists import word_set
from pipeline.records import Novel, Span
from pipeline.text.characters import find_mentions
from pipeline.text.names import trim_name, without_title
from pipeline.text.novels import load_novel
from pipeline.text.persons import load_tagger, plain_spaces, windows_of
from pipeline.text.sentences import load_nlp, split_sentences

PERSON, PLACE = "PERSON", "PLACE"
HELD_OUT = 8
"""Every eighth training document is held out for early stopping and model selection, and never trained on."""
_DEITIES = frozenset(["god", "lord", "heaven", "providence", "almighty", "creator"])
_BEFORE = word_set("the a an this that those these my your his her its our their thou late said")
_NO_SPACE_BEFORE = re.compile(r"[,.;:!?)\]}’%]|['’](?:s|S|d|m|ll|re|ve|t)|n['’]t|''")
_NO_SPACE_AFTER = frozenset("([{$£“‘")


def prepare(arguments: argparse.Namespace) -> None:
    """Write train.spacy, held.spacy and dev.spacy, one Doc per document."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    nlp = spacy.blank("en")
    rows = _rows(arguments.litbank / "train.jsonl.xz")
    parts = {
        "train": [row for number, row in enumerate(rows) if number % HELD_OUT],
        "held": [row for number, row in enumerate(rows) if number % HELD_OUT == 0],
        "dev": _rows(arguments.litbank / "dev.jsonl.xz"),
    }
    for name, chosen in parts.items():
        documents = [_document(nlp, row) for row in chosen]
        if name == "train":
            names = sorted({word for document in documents for word in _name_words(document)})
            windows = [[*_windows(document)] for document in documents]
            swapped = [
                _renamed(nlp, window, renaming)
                for copy in range(arguments.swaps)
                for number, document in enumerate(documents)
                for renaming in [_renaming(document, names, random.Random(f"{number} {copy}"))]
                for window in windows[number]
            ]
            documents = [window for cut in windows for window in cut] + swapped
        DocBin(docs=documents, store_user_data=True).to_disk(arguments.out / f"{name}.spacy")
        labels = Counter(entity.label_ for document in documents for entity in document.ents)
        print(f"{name}: {len(chosen)} documents, {sum(map(len, documents)):,} tokens, {dict(labels)}")


def _rows(path: Path) -> list[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _document(nlp: spacy.Language, row: dict[str, Any]) -> Doc:
    """Return the document as running text, tokenised as at run time, with its names as entities."""
    text, offsets = running_text(row["tokens"], set(row["sentence_starts"]))
    document = nlp.make_doc(text)
    spans = []
    for start, end, label in name_spans(row):
        span = document.char_span(offsets[start][0], offsets[end - 1][1], label=label, alignment_mode="expand")
        if span is not None:
            spans.append(span)
    document.ents = spacy.util.filter_spans(spans)
    for start in row["sentence_starts"]:
        found = document.char_span(*offsets[start], alignment_mode="expand")
        if found is not None:
            found[0].is_sent_start = True
    document.user_data["name"] = row["doc"]
    return document


def running_text(tokens: Sequence[str], sentence_starts: set[int]) -> tuple[str, list[tuple[int, int]]]:
    """Return LitBank's tokens as running text, and the range of each token in it."""
    text, offsets, is_open = "", [], False
    joined = True
    for number, token in enumerate(tokens):
        if token == '"':
            if number in sentence_starts:
                is_open = False
            joined = joined or is_open
        if number and not joined and not _NO_SPACE_BEFORE.fullmatch(token):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        joined = token in _NO_SPACE_AFTER or token in {"-", "--", "—"}
        if token == '"':
            is_open = not is_open
            joined = is_open
    return text, offsets


def name_spans(row: dict[str, Any]) -> list[tuple[int, int, str]]:
    """Return the proper names of single persons, and of places and things, as (first token, end token, label).

    A person's is a PER mention of type PROP, or a PER entity in no cluster (an apposition) that is all name. Of
    "the amiable Miss Sedley" the name is "Miss Sedley". Families and peoples ("the Claytons") and God are not persons.
    """
    tokens = row["tokens"]
    types = {(start, end): kind for cluster in row["clusters"] for start, end, kind in cluster["mentions"]}
    categories = {
        (start, end): cluster["category"] for cluster in row["clusters"] for start, end, _ in cluster["mentions"]
    }
    proper = {span for span, kind in types.items() if kind == "PROP"}
    words = {token for span in proper if categories[span] == "PER" for token in tokens[slice(*span)]}
    for start, end, category in row["entities"]:
        if category == "PER" and (start, end) not in types and _is_all_name(tokens[start:end], words):
            proper.add((start, end))
            categories[start, end] = "PER"
    found = []
    for span in proper:
        trimmed = _trimmed(tokens, *span)
        if trimmed is not None and categories[span] != "PER":
            found.append((*trimmed, PLACE))
        elif trimmed is not None and _is_person(tokens, trimmed):
            found.append((*trimmed, PERSON))
    longest = sorted(found, key=lambda span: (span[0] - span[1], span[0]))
    chosen: list[tuple[int, int, str]] = []
    for start, end, label in longest:
        if all(end <= other[0] or start >= other[1] for other in chosen):
            chosen.append((start, end, label))
    return sorted(chosen)


def _is_all_name(tokens: Sequence[str], words: set[str]) -> bool:
    folded = [fold_aligned(token).rstrip(".") for token in tokens]
    names = [token for token, key in zip(tokens, folded, strict=True) if key not in TITLES | PARTICLES]
    capitals = all(token[:1].isupper() or key in PARTICLES for token, key in zip(tokens, folded, strict=True))
    return (
        bool(names)
        and capitals
        and folded[0] not in _BEFORE
        and ((len(tokens) > 1 and (folded[0] in TITLES or set(names) <= words)) or tokens[0] in words)
    )


def _trimmed(tokens: Sequence[str], start: int, end: int) -> tuple[int, int] | None:
    """Return the range of the name inside a noun phrase: from its first capitalised word to the last."""
    for number in range(start, end - 1):
        if tokens[number] in {"'s", "’s"}:
            start = number + 1
    while start < end and (
        not tokens[start][:1].isupper()
        or (fold_aligned(tokens[start]) in _BEFORE and fold_aligned(tokens[start]) != "said")
    ):
        start += 1
    stop = start
    number = start
    while number < end:
        token, key = tokens[number], fold_aligned(tokens[number])
        titled = fold_aligned(tokens[start]).rstrip(".") in TITLES and number == start + 1
        if token[:1].isupper() or (token[:2].casefold() in {"d'", "d’", "l'", "l’", "o'"} and token[2:3].isupper()):
            stop = number + 1
        elif not (key in PARTICLES and (key != "of" or titled)):
            break
        number += 1
    return (start, stop) if stop > start else None


def _is_person(tokens: Sequence[str], span: tuple[int, int]) -> bool:
    start, end = span
    names = [fold_aligned(token).rstrip(".") for token in tokens[start:end]]
    if not set(names) - TITLES - PARTICLES or set(names) <= _DEITIES | PARTICLES:
        return False
    before = fold_aligned(tokens[start - 1]) if start else ""
    is_group = end - start == 1 and before in {"the", "these", "those"} and names[0].endswith("s")
    return not is_group


def _name_words(document: Doc) -> set[str]:
    """Return the words of the document's names that are neither titles nor particles, longer than three letters."""
    return {
        token.text
        for entity in document.ents
        for token in entity
        if token.text.isalpha() and len(token) > 2 and fold_aligned(token.text) not in TITLES | PARTICLES | _BEFORE
    }


def _renaming(document: Doc, names: Sequence[str], rng: random.Random) -> dict[str, str]:
    """Return a replacement for each name word of the document: a name of the set, or the halves of two names."""
    renaming = {}
    for word in sorted(_name_words(document)):
        first, second = rng.choice(names), rng.choice(names)
        made = first[: (len(first) + 1) // 2] + second[len(second) // 2 :].lower()
        renaming[word] = rng.choice([first, made])
    return renaming


def _renamed(nlp: spacy.Language, window: Doc, renaming: dict[str, str]) -> Doc:
    """Return the window with its names replaced."""
    words = [renaming.get(token.text, token.text) for token in window]
    other = Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in window])
    other.ents = [spacy.tokens.Span(other, entity.start, entity.end, entity.label_) for entity in window.ents]
    return other


def _windows(document: Doc) -> Iterator[Doc]:
    """Cut a document into windows of whole sentences, as the pipeline does."""
    sentences = [Span(sentence.start_char, sentence.end_char) for sentence in document.sents]
    for window in windows_of(sentences):
        span = document.char_span(*window)
        assert span is not None
        yield span.as_doc()


def silver(arguments: argparse.Namespace) -> None:
    """Write parts of novels, with the persons that the teacher and the vote over the book find."""
    tagger, nlp = load_tagger(str(arguments.teacher)), load_nlp(None)
    known = _shingles(" ".join(document.text for document in _read(arguments.leave_out)))
    paths = sorted(path for folder in arguments.novels for path in folder.glob("*.txt"))
    random.Random(arguments.seed).shuffle(paths)
    out, used, left_out = DocBin(), 0, []
    with tqdm(total=arguments.limit, unit="novel") as bar:
        for path in paths:
            if used == arguments.limit:
                break
            novel = load_novel(path)
            if len(known & _shingles(novel.text)) > 20:
                left_out.append(path.name)
                continue
            part = _part(novel, arguments.letters, random.Random(f"{arguments.seed} {path.name}"))
            for document in _silver_documents(part, nlp, tagger, arguments.windows):
                out.add(document)
            used += 1
            bar.update()
    out.to_disk(arguments.out)
    print(f"{used} novels, {len(out)} windows; left out because they contain held-out documents: {left_out}")


def _read(paths: Iterable[Path]) -> Iterator[Doc]:
    nlp = spacy.blank("en")
    for path in paths:
        yield from DocBin(store_user_data=True).from_disk(path).get_docs(nlp.vocab)


def _shingles(text: str) -> set[int]:
    words = re.findall(r"[a-z]+", text.lower())
    return {hash(tuple(words[place : place + 8])) for place in range(len(words) - 7)}


def _part(novel: Novel, letters: int, rng: random.Random) -> Novel:
    """Return the novel with only a part of its body."""
    start = rng.randint(novel.body.start, max(novel.body.start, novel.body.end - letters))
    start = max(novel.text.rfind("\n\n", 0, start) + 2, novel.body.start) if start > novel.body.start else start
    body = Span(start, min(start + letters, novel.body.end))
    chapters = tuple(chapter for chapter in novel.chapters if body.start <= chapter.start and chapter.end <= body.end)
    return Novel(novel.name, novel.path, novel.text, body, chapters, novel.encoding, novel.sha256)


def _silver_documents(novel: Novel, nlp: Any, tagger: Any, count: int) -> Iterator[Doc]:
    sentences = split_sentences(novel, nlp)
    mentions = find_mentions(novel, sentences, tagger=tagger)
    windows = list(windows_of(sentences))
    windows = random.Random(novel.name).sample(windows, min(count, len(windows)))
    for window in windows:
        document = nlp.make_doc(plain_spaces(novel.text[window.start : window.end]))
        spans = [
            document.char_span(mention.start - window.start, mention.end - window.start, label=PERSON)
            for mention in mentions
            if window.start <= mention.start and mention.end <= window.end
        ]
        if all(span is not None for span in spans):
            document.ents = spacy.util.filter_spans(span for span in spans if span is not None)
            yield document


def join(arguments: argparse.Namespace) -> None:
    """Write several sets as one; FILE*3 counts three times. Places are dropped: the tagger labels persons only."""
    out = DocBin()
    for name in arguments.sets:
        path, _, times = name.partition("*")
        for document in _read([Path(path)]):
            document.ents = [entity for entity in document.ents if entity.label_ == PERSON]
            for _ in range(int(times or 1)):
                out.add(document)
    out.to_disk(arguments.out)
    print(f"{len(out)} windows")


def ship(arguments: argparse.Namespace) -> None:
    """Write a trained tagger with its metadata and without the strings of the data, which it does not need."""
    nlp = spacy.load(arguments.tagger)
    nlp.meta.update(
        name="persons",
        version="1.0.0",
        description="Finds the proper names of persons in English fiction.",
        license="MIT; the names it learned from are LitBank's, CC BY 4.0",
        spacy_version=">=3.8.0,<3.9.0",
    )
    nlp.config["paths"].update(train=None, dev=None)
    nlp.to_disk(arguments.out)
    (arguments.out / "vocab" / "strings.json").write_text(json.dumps([PERSON]) + "\n", encoding="utf-8")
    for path in sorted(arguments.out.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>9,}  {path.relative_to(arguments.out)}")


def measure(arguments: argparse.Namespace) -> None:
    """Print precision, recall and F1 of spans, each with a 95 % interval by bootstrap over documents."""
    nlp = load_nlp(None)
    documents = list(_read([arguments.documents]))
    print(f"{len(documents)} documents, {sum(len(_gold(document)) for document in documents)} names")
    for name in arguments.systems:
        tagger = load_tagger(name)
        counts = []
        for document in documents:
            gold = _gold(document)
            found = _spans_alone(document, tagger) if arguments.alone and tagger else _found(document, nlp, tagger)
            if arguments.without_titles:
                gold, found = _untitled(document, gold), _untitled(document, found)
            counts.append((len(gold & found), len(found), len(gold)))
            if arguments.show:
                _show(document, gold, found)
        print(f"{name}: {_figures(np.array(counts))}")


def _gold(document: Doc) -> set[tuple[int, int]]:
    spans = (Span(entity.start_char, entity.end_char) for entity in document.ents if entity.label_ == PERSON)
    return {tuple(trim_name(document.text, span)) for span in spans}


def _untitled(document: Doc, spans: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the spans without titles, which other tag sets leave out."""
    return {(end - len(without_title(document.text[start:end])), end) for start, end in spans}


def _found(document: Doc, nlp: Any, tagger: Any) -> set[tuple[int, int]]:
    novel = Novel("", "", document.text, Span(0, len(document.text)), (), "utf-8", "0")
    sentences = split_sentences(novel, nlp)
    return {(mention.start, mention.end) for mention in find_mentions(novel, sentences, tagger=tagger)}


def _spans_alone(document: Doc, tagger: Any) -> set[tuple[int, int]]:
    """Return the spans that a tagger finds in each window, without the vote over the book."""
    sentences = [Span(sentence.start_char, sentence.end_char) for sentence in document.sents]
    found = set()
    for window in windows_of(sentences):
        for entity in tagger(document.text[window.start : window.end]).ents:
            if entity.label_ in {"PERSON", "PER"}:
                span = Span(window.start + entity.start_char, window.start + entity.end_char)
                found.add(tuple(trim_name(document.text, span)))
    return found


def _show(document: Doc, gold: set[tuple[int, int]], found: set[tuple[int, int]]) -> None:
    for kind, spans in (("missed", gold - found), ("wrong", found - gold)):
        counted = Counter(document.text[start:end] for start, end in spans)
        print(f"  {document.user_data.get('name')}: {kind}: {dict(counted)}")


def _figures(counts: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    drawn = counts[rng.integers(0, len(counts), (2000, len(counts)))].sum(axis=1)
    names = ("precision", "recall", "F1")
    values = _rates(counts.sum(axis=0)[None])[0]
    low, high = np.percentile(_rates(drawn), [2.5, 97.5], axis=0)
    return ", ".join(
        f"{name} {value:.3f} [{left:.3f}, {right:.3f}]"
        for name, value, left, right in zip(names, values, low, high, strict=True)
    )


def _rates(counts: np.ndarray) -> np.ndarray:
    right, found, gold = counts.T
    precision, recall = right / np.maximum(found, 1), right / np.maximum(gold, 1)
    return np.stack([precision, recall, 2 * right / np.maximum(found + gold, 1)], axis=1)


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("prepare")
    step.add_argument("--litbank", type=Path, required=True)
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--swaps", type=int, default=3, help="copies of the training set with other names (%(default)s)")
    step.set_defaults(run=prepare)
    step = steps.add_parser("silver")
    step.add_argument("--teacher", type=Path, required=True)
    step.add_argument("--novels", type=Path, nargs="+", required=True)
    step.add_argument("--leave_out", type=Path, nargs="+", required=True)
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--limit", type=int, default=120)
    step.add_argument("--letters", type=int, default=150_000)
    step.add_argument("--windows", type=int, default=25)
    step.add_argument("--seed", type=int, default=0)
    step.set_defaults(run=silver)
    step = steps.add_parser("join")
    step.add_argument("sets", nargs="+")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=join)
    step = steps.add_parser("ship")
    step.add_argument("tagger", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=ship)
    step = steps.add_parser("measure")
    step.add_argument("--documents", type=Path, required=True)
    step.add_argument("--alone", action="store_true", help="a tagger without the vote over the book")
    step.add_argument("--without_titles", action="store_true", help="ignore titles on both sides")
    step.add_argument("--show", action="store_true", help="list missed and wrong spans")
    step.add_argument("systems", nargs="+")
    step.set_defaults(run=measure)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
