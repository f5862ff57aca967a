"""Choose the novel of a folder that names a character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.errors import CharacterError, NovelError
from pipeline.records import Novel
from pipeline.text.aliases import Alias, names_of
from pipeline.text.characters import build_cast, find_mentions, nearest_names
from pipeline.text.novels import SUFFIXES, list_novels, load_novel
from pipeline.text.repaired import repair_novel
from pipeline.text.targets import find_target

_SHOWN = 8


def choose_novel(folder: str | Path, character: str, *, aliases: Sequence[Alias] = ()) -> Novel:
    """Return the only novel in ``folder`` that names ``character``.

    Only the novels with the strongest match count: the full name, else the surname, else the first name. A file that
    cannot be read is left out with a notice. Raises NovelError, with a list, for several novels or none.
    """
    names = names_of(character, aliases)
    if not names:
        raise CharacterError(f"the character's name {character!r} is empty; name a person of the novel")
    novels, unreadable = _load_all(list_novels(folder))
    hits = (find_target(repair_novel(novel).novel, names) for novel in novels)
    strengths = [max((hit.strength for hit in found), default=0) for found in hits]
    best = max(strengths, default=0)
    holders = [novel for novel, strength in zip(novels, strengths, strict=True) if strength == best and best > 0]
    if len(holders) == 1:
        return replace(holders[0], notices=(*holders[0].notices, *(f"left out: {line}" for line in unreadable)))
    if holders:
        raise NovelError(f"several novels in {folder} name {character!r}: {_listed(holders)}; choose one with --novel")
    raise _none(folder, character, novels, unreadable)


def _load_all(paths: Sequence[Path]) -> tuple[list[Novel], list[str]]:
    novels, unreadable = [], []
    for path in paths:
        try:
            novels.append(load_novel(path))
        except NovelError as error:
            unreadable.append(str(error))
    return novels, unreadable


def _none(folder: str | Path, character: str, novels: Sequence[Novel], unreadable: Sequence[str]) -> NovelError:
    left_out = "".join(f"; left out: {line}" for line in unreadable)
    if not novels:
        return NovelError(f"{folder} holds no readable novel; put one there, in one of {', '.join(SUFFIXES)}{left_out}")
    mentions = [mention for novel in novels for mention in find_mentions(novel, [novel.body])]
    nearest = nearest_names(character, build_cast(mentions, (), min_mentions=1))
    return NovelError(
        f"no novel in {folder} names {character!r}; there are {_listed(novels)}; the nearest names are "
        f"{nearest}; correct the name, give an alias, or choose a novel with --novel{left_out}"
    )


def _listed(novels: Sequence[Novel]) -> str:
    names = ", ".join(repr(Path(novel.path).name) for novel in novels[:_SHOWN])
    return names + (f" and {len(novels) - _SHOWN} more" if len(novels) > _SHOWN else "")
