"""States on the way through a text, from which an edited version of it is read on.

A checkpoint is found by the tokens before it, so it serves every version that begins alike, under any name. It has the
state alone: the measurements of the sentences before it are in the reading during which it was stored.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bdh.errors import StateError
from bdh.prefix_cache import Prefix, PrefixCache, unpack
from pipeline.reading.stream import Stream
from pipeline.storage.cache import Array, Arrays, ReadingCache

PLACES = (1.0, 0.48, 0.89, 0.7)
"""The shares of a text near which its checkpoints are: the first ones count most where few are stored."""
MOST_BYTES = 2_000_000_000
MOST_DAYS = 30.0
_OF_A_NOVEL, _OF_A_CHARACTER, _IN_ALL = 5, 3, 8
"""The most checkpoints of the stream of a novel, of that of a character, and of a novel with its characters."""
_TOKENS_EACH = 8192
"""A shorter text has a single checkpoint; each further one is for so many tokens more."""
_FOLDER = "checkpoints"
_NATS = "nats"
"""Name, in a checkpoint, of the surprise so far of the sentence that goes on after it."""

_log = logging.getLogger(__name__)


def open_checkpoints(readings: ReadingCache, depends_on: Mapping[str, object] | None = None) -> PrefixCache:
    """Return the checkpoints in the local folder of ``readings``, of streams that depend on this and their tokens."""
    owner = json.dumps(dict(depends_on or {}), sort_keys=True)
    return PrefixCache(readings.folder / _FOLDER, owner=owner, most_bytes=MOST_BYTES, most_days=MOST_DAYS)


@dataclass
class Checkpoints:
    """The checkpoints of one stream: ``key`` is that of its reading, ``novel`` and ``character`` are their names."""

    prefixes: PrefixCache
    readings: ReadingCache
    key: str
    novel: str
    character: str
    _edited: int = field(default=0, init=False)
    """The last mark before the first change since the version that is read on, 0 where there is none."""

    def resume(self, stream: Stream) -> None:
        """Read on from the last checkpoint of the text, if it is further than the stream is."""
        own = [prefix.about.get("reading", "") for prefix in self._of_novel() if self._is_own(prefix)]
        former = self.readings.load(own[-1]) if own else None
        for prefix in self.prefixes.matches(stream.marked_tokens):
            if prefix.length <= stream.done:
                break
            found = self._arrays(stream, prefix)
            if found is not None and stream.restore(found):
                break
        if former is not None and "marks" in former:
            self._edited = stream.mark * _equal_marks(stream.mark_hashes(), former["marks"])

    def store(self, stream: Stream) -> None:
        """Store the state of the stream, where it is at the place of a checkpoint."""
        if stream.packed is None or stream.done not in self._places(stream):
            return
        tensors = {**stream.packed, _NATS: stream.nats_in_progress}
        about = {"novel": self.novel, "character": self.character, "reading": self.key}
        try:
            self.prefixes.store(stream.marked_tokens[: stream.done], tensors, about=about)
        except StateError as error:
            _log.warning("a checkpoint is not stored, so an edited version is read from an earlier place: %s", error)

    def remove_old(self, stream: Stream) -> None:
        """Remove the checkpoints that the next version will not need, and those of characters beyond ``_IN_ALL``."""
        matching = {prefix.path: prefix.length for prefix in self.prefixes.matches(stream.marked_tokens)}
        places = self._places(stream) | {self._edited}
        wanted = {max((size for size in matching.values() if size <= place), default=0) for place in places} - {0}
        of_novel = self._of_novel()
        old = [prefix for prefix in of_novel if self._is_own(prefix) and matching.get(prefix.path) not in wanted]
        left = [prefix for prefix in of_novel if prefix not in old]
        of_characters = [prefix for prefix in left if prefix.about.get("character")]
        for prefix in [*old, *of_characters[: max(0, len(left) - _IN_ALL)]]:
            prefix.path.unlink(missing_ok=True)

    def _of_novel(self) -> list[Prefix]:
        """Return the checkpoints of all versions of the novel and its characters, that used longest ago first."""
        return [prefix for prefix in self.prefixes.entries() if prefix.about.get("novel") == self.novel]

    def _is_own(self, prefix: Prefix) -> bool:
        return prefix.about.get("character") == self.character

    def _places(self, stream: Stream) -> set[int]:
        """Return the marks at which checkpoints of this text are stored."""
        most = min(_OF_A_CHARACTER if self.character else _OF_A_NOVEL, 1 + stream.total // _TOKENS_EACH)
        shares = PLACES[: most - 1] if self._edited and most > 1 else PLACES[:most]
        marks = {int(share * stream.total) // stream.mark * stream.mark for share in shares}
        return (marks | {self._edited}) - {0}

    def _arrays(self, stream: Stream, prefix: Prefix) -> Arrays | None:
        """Return what to restore the stream from; None if the checkpoint or its reading is gone or damaged."""
        key, read = prefix.about.get("reading", ""), stream.count_read(prefix.length)
        former = self.readings.load(key) or self.readings.load_unfinished(key)
        if former is None or len(former["hidden"]) < read:
            return None
        try:
            state = prefix.load()
        except StateError as error:
            _log.warning("%s", error)
            return None
        nats = np.concatenate([former["nats"][:read], state.pop(_NATS).numpy()])
        rows = {name: former[name][:read] for name in ("hidden", "activity", "norm")}
        tensors = {name: tensor.numpy() for name, tensor in unpack(state).items()}
        return {**rows, **tensors, "nats": nats, "done": np.array(prefix.length)}


def _equal_marks(one: Array, other: Array) -> int:
    """Return how many hashes of marks are equal, from the first."""
    both = min(len(one), len(other))
    different = (one[:both] != other[:both]).any(axis=1)
    return int(different.argmax()) if different.any() else both
