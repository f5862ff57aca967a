"""Other names of a character, given by the user: "Monte Cristo=Edmond Dantès"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import NovelError, OutputError, SettingError
from pipeline.language.folding import match_key
from pipeline.storage.files import write_text
from pipeline.text.novels import companion_path


class Alias(NamedTuple):
    """Two names of one character."""

    alias: str
    name: str


def parse_alias(text: str) -> Alias:
    """Read ``ALIAS=NAME``; raise SettingError when a side is missing."""
    alias, equals, name = (part.strip() for part in text.partition("="))
    if not (equals and match_key(alias) and match_key(name)) or "=" in name:
        raise SettingError(
            f"the alias {text.strip()!r} is not of the form ALIAS=NAME, as in 'Monte Cristo=Edmond Dantès'"
        )
    return Alias(alias, name)


def load_aliases(path: str | Path) -> tuple[Alias, ...]:
    """Read a file with one ``ALIAS=NAME`` a line; empty lines and lines that begin with # are ignored."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SettingError(f"the aliases file {path} cannot be read ({reason}); give a UTF-8 text file") from error
    aliases = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                aliases.append(parse_alias(line))
            except SettingError as error:
                raise SettingError(f"{path}, line {number}: {error}") from error
    return tuple(aliases)


def aliases_path(novel: Path) -> Path:
    """Return the path of the aliases that belong to one novel."""
    return companion_path(novel, "aliases")


def load_aliases_of(novel: Path) -> tuple[Alias, ...]:
    """Return the aliases in the file next to a novel, none if there is no file; raises NovelError if it is damaged."""
    path = aliases_path(novel)
    try:
        return load_aliases(path) if path.is_file() else ()
    except SettingError as error:
        raise NovelError(str(error)) from error


def add_alias(path: Path, alias: Alias) -> bool:
    """Add an alias to a file unless it is there; return True if it was added.

    Raises:
        SettingError: the file is damaged or cannot be written.
    """
    known = load_aliases(path) if path.exists() else ()
    if alias in known:
        return False
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        write_text(path, f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{alias.alias}={alias.name}\n")
    except OutputError as error:
        raise SettingError(f"the aliases file {path} cannot be written ({error.__cause__}); choose another") from error
    return True


def names_of(target: str, aliases: Sequence[Alias]) -> tuple[str, ...]:
    """Return every name of ``target``: the sides of its slashes, and every alias of any of them."""
    names = [side.strip() for side in target.split("/") if match_key(side)]
    keys = {match_key(target), *map(match_key, names)}
    remaining = list(aliases)
    while tied := [pair for pair in remaining if keys & {match_key(pair.alias), match_key(pair.name)}]:
        remaining = [pair for pair in remaining if pair not in tied]
        sides = [side.strip() for pair in tied for name in pair for side in name.split("/")]
        names += [side for side in sides if match_key(side) not in keys]
        keys |= {match_key(name) for pair in tied for name in pair} | set(map(match_key, sides))
    return tuple({match_key(name): name for name in reversed(names)}.values())[::-1]
