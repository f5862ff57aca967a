"""Flags from files: a TOML file of settings, and the settings that a run stores."""

import argparse
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bdh.errors import ConfigError
from bdh.files import write_text

SETTINGS = "settings.toml"
# Flags that exclude each other: the one given later, or on the command line, replaces the others.
_EXCLUSIVE = ({"max_iters", "epochs"}, {"data", "file", "dataset"})
_OWN = ("run", "defaults", "command", "config", "resume", "out")


def normalise_hyphens(argv: Sequence[str]) -> list[str]:
    """Return the words with underscores for the hyphens in flags, so that both spellings work.

    Words after a bare ``--`` are not flags.
    """
    end = list(argv).index("--") if "--" in argv else len(argv)
    words = []
    for word in argv[:end]:
        if word.startswith("--"):
            name, separator, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + separator + value
        words.append(word)
    return [*words, *argv[end:]]


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument("--config", help="TOML file of settings, named like the flags; flags win")


def insert_settings(words: Sequence[str], commands: Mapping[str, argparse.ArgumentParser]) -> list[str]:
    """Return ``words`` with the settings of files before the given flags, which win because they come last.

    The files are that of ``--config`` and, with lower priority, that of the run in ``--out`` if it is resumed. Raises
    ConfigError for a file that cannot be read, a name that is not a flag of the command, a value of a wrong type.
    """
    if not words or words[0] not in commands:
        return list(words)
    command, given = commands[words[0]], list(words[1:])
    layers = [_read_settings(path, command) for path in _files(given, command)]
    named = [{word.partition("=")[0].removeprefix("--") for word in given}, *(set(layer) for layer in reversed(layers))]
    before: list[str] = []
    for number, layer in enumerate(layers):
        stronger = set().union(*named[: len(layers) - number])
        lost = set().union(*(others for others in _EXCLUSIVE if others & stronger))
        before += [word for name, word in layer.items() if name not in lost]
    return [words[0], *before, *given]


def _files(given: Sequence[str], command: argparse.ArgumentParser) -> list[Path]:
    """Return the files to read, the one of lowest priority first."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    peek.add_argument("--config", nargs="?")
    peek.add_argument("--resume", action="store_true")
    peek.add_argument("--out", nargs="?", default=command.get_default("out"))
    named, _ = peek.parse_known_args(list(given))
    stored = Path(named.out) / SETTINGS if named.resume and named.out else None
    files = [stored] if stored is not None and stored.is_file() else []
    return [*files, Path(named.config)] if named.config else files


def _read_settings(path: Path, command: argparse.ArgumentParser) -> dict[str, str]:
    """Return the flags of a file by name, each as a word of the command line."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as TOML ({error}); expected lines such as lr = 1e-3") from error
    known = command._option_string_actions
    words = {}
    for written, value in settings.items():
        name = written.replace("-", "_")
        action = known.get(f"--{name}")
        if action is None or name in ("config", "help"):
            raise ConfigError(
                f"{path} sets {written}, which is not a flag of {command.prog}; see {command.prog} --help"
            )
        word = _word(name, value, switch=action.nargs == 0, path=path)
        if word is not None:
            words[name] = word
    return words


def _word(name: str, value: object, *, switch: bool, path: Path) -> str | None:
    """Return a setting as a word of the command line, or None for a switch that is off."""
    if isinstance(value, bool) != switch or isinstance(value, dict):
        expected = "true or false" if switch else "a number, a string or a list"
        raise ConfigError(f"{path} sets {name} to {value!r}; expected {expected}")
    if switch:
        return f"--{name}" if value else None
    if isinstance(value, list):
        return f"--{name}=" + ",".join(str(item) for item in value)
    return f"--{name}={value}"


def write_settings(folder: Path, arguments: argparse.Namespace) -> None:
    """Write the settings of a run to its folder, so that ``--resume`` needs no other flag."""
    lines = [
        f"{name} = {_toml(value)}\n"
        for name, value in sorted(vars(arguments).items())
        if name not in _OWN and value is not None and value is not False
    ]
    write_text(folder / SETTINGS, "".join(lines))


def _toml(value: Any) -> str:
    """Return a value in TOML, whose strings are those of JSON."""
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else repr(value)
