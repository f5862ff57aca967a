"""A novel with its sentences, chunks, names and word index, which are computed once and cached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from spacy.language import Language

from pipeline.config import TextConfig, resolve_model_dir
from pipeline.language.life_stage import find_life_stage
from pipeline.narration.given import load_narrators, narrators_path
from pipeline.narration.narrators import NO_NARRATION, Narration, find_narration
from pipeline.narration.presence import Presence
from pipeline.records import Character, Chunk, Mention, Novel, Span, TimeScope
from pipeline.retrieval.index import LexicalIndex, Lexicon
from pipeline.retrieval.sentence_words import SentenceWords
from pipeline.storage.cache import ReadingCache, make_key
from pipeline.text.aliases import Alias, load_aliases_of
from pipeline.text.characters import build_cast, find_mentions
from pipeline.text.chunking import make_chunks
from pipeline.text.epithets import Proposal, find_epithets
from pipeline.text.look_alikes import LookAlike, count_words, find_look_alikes
from pipeline.text.novels import load_novel
from pipeline.text.persons import RULES, load_tagger, tagger_sum
from pipeline.text.sentences import load_nlp, split_sentences
from pipeline.text.tagging import from_tables, to_tables
from pipeline.text.version import ANALYSIS_VERSION


@dataclass(frozen=True)
class Book:
    """A novel with its sentences, chunks, mentions, word index, narrators, and the aliases that the user gave."""

    novel: Novel
    sentences: tuple[Span, ...]
    chunks: tuple[Chunk, ...]
    mentions: tuple[Mention, ...]
    index: LexicalIndex
    aliases: tuple[Alias, ...] = ()
    narration: Narration = NO_NARRATION

    @cached_property
    def cast(self) -> tuple[Character, ...]:
        """The people of the novel, most mentioned first; what a narrator tells as "I" counts as mentions do."""
        return self._presence.in_cast(build_cast(self.mentions, self.chunks, aliases=self.aliases))

    def find_character(self, name: str) -> Character:
        """Return the named character; raises CharacterError when the novel has none of that name."""
        return self._presence.find(name)

    @cached_property
    def epithets(self) -> tuple[Proposal, ...]:
        """Other names of persons that the text explains; they count only once the user gives them as aliases."""
        tellers = self.narration.tellers
        narrator = tellers[0].name if len(tellers) == 1 else ""
        return find_epithets(self.novel, self.cast, self.aliases, narrator=narrator)

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self.novel, self.sentences, self.chunks, self.narration, self.aliases)

    @cached_property
    def life_stages(self) -> tuple[TimeScope, ...]:
        """The time of life that each chunk is about."""
        return tuple(find_life_stage(self.novel.repaired(chunk.start, chunk.end)) for chunk in self.chunks)

    @cached_property
    def _words(self) -> Counter[str]:
        return count_words(self.novel.repaired(*self.novel.body))

    def look_alikes(self, characters: Iterable[Character]) -> tuple[LookAlike, ...]:
        """Return the words that look like these characters' names and are not counted as mentions."""
        return tuple(find_look_alikes(characters, self._words))

    @cached_property
    def sentence_words(self) -> SentenceWords:
        """The stems of each sentence."""
        return SentenceWords(self.novel.text[start:end] for start, end in self.sentences)

    @cached_property
    def sentences_sha256(self) -> str:
        """The SHA-256 of where the sentences are."""
        return sha256(np.array(self.sentences, np.int64).tobytes()).hexdigest()

    @property
    def lexicon(self) -> Lexicon:
        """The word analysis of this novel."""
        return Lexicon(self.index.stems, self.index.weight)


@dataclass(frozen=True)
class BookOpener:
    """Opens novels; sentences and mentions are stored in ``cache``.

    ``aliases`` are the names that the user gave, besides those in the file next to a novel.
    """

    config: TextConfig
    aliases: tuple[Alias, ...]
    cache: ReadingCache

    @cached_property
    def nlp(self) -> Language:
        """The sentence splitter: rules, or the parser of a spaCy model that the user names."""
        name = self.config.spacy_model
        return load_nlp(None if name in {RULES, TextConfig.spacy_model} else name)

    @cached_property
    def tagger(self) -> Language | None:
        """The tagger of persons, None for the rules; loaded for the first novel that is not in the cache."""
        return load_tagger(self._tagger_name)

    @property
    def _tagger_name(self) -> str:
        folder = resolve_model_dir(self.config.spacy_model)
        return str(folder) if folder.is_dir() else self.config.spacy_model

    def open(self, novel: Novel | Path) -> Book:
        """Return a novel with its sentences, chunks, mentions and index."""
        if isinstance(novel, Path):
            novel = load_novel(novel)
        aliases = (*self.aliases, *load_aliases_of(Path(novel.path)))
        given = self.config.narrator or load_narrators(narrators_path(Path(novel.path)))
        narration = find_narration(novel, given)
        novel = replace(novel, notices=(*novel.notices, *narration.notices))
        sentences, mentions = self._split(novel)
        chunks = make_chunks(novel, sentences, self.config.chunks)
        index = LexicalIndex([novel.repaired(chunk.start, chunk.end) for chunk in chunks])
        return Book(novel, sentences, chunks, mentions, index, aliases, narration)

    def _split(self, novel: Novel) -> tuple[tuple[Span, ...], tuple[Mention, ...]]:
        """Return the sentences and mentions of a novel, from the cache where they are stored."""
        tagger = tagger_sum(self._tagger_name)
        key = make_key(
            {"text": _text_sum(novel), "tagger": tagger, "spacy": self.nlp.meta, "analysis": ANALYSIS_VERSION}
        )
        cached = self.cache.load_spans(key)
        if cached is None:
            sentences = split_sentences(novel, self.nlp)
            mentions = self._find_mentions(novel, sentences, tagger)
            named = [(mention.start, mention.end, mention.sentence) for mention in mentions]
            self.cache.store_spans(key, {"sentences": sentences, "mentions": named}, about={"novel": novel.name})
            return sentences, mentions
        places = (Mention(novel.repaired(start, end), start, end, number) for start, end, number in cached["mentions"])
        return tuple(Span(start, end) for start, end in cached["sentences"]), tuple(places)

    def _find_mentions(self, novel: Novel, sentences: tuple[Span, ...], tagger: str) -> tuple[Mention, ...]:
        """Return the mentions of persons; the windows that were tagged in an earlier version are not tagged again."""
        if self.tagger is None:
            return find_mentions(novel, sentences)
        parts = {"tagger": tagger, "spacy": self.nlp.meta, "analysis": ANALYSIS_VERSION}
        key = make_key({"windows of": novel.name, **parts})
        windows = from_tables(self.cache.load_spans(key) or {"windows": [], "persons": []})
        mentions = find_mentions(novel, sentences, tagger=self.tagger, windows=windows)
        self.cache.store_spans(key, to_tables(windows), about={"novel": novel.name})
        return mentions


def _text_sum(novel: Novel) -> str:
    """Return the SHA-256 of what sentences depend on, which for most formats is more than the bytes of the file."""
    headings = [novel.heading_of(chapter) for chapter in novel.chapters]
    digest = sha256(f"{novel.body} {headings}\n".encode())
    digest.update(novel.text.encode("utf-8", errors="surrogatepass"))
    return digest.hexdigest()
