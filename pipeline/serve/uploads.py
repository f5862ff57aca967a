"""Add uploaded manuscripts, in every format that is read, to the folder of novels, where all commands find them."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import NovelError
from pipeline.formats.registry import remedy
from pipeline.storage.files import replacing, safe_name
from pipeline.storage.locks import lock_of, locked
from pipeline.text.novels import SUFFIXES, list_novels, novel_from


def import_novel(data: bytes, file_name: str, novels_dir: Path, *, replace: bool) -> Path:
    """Add a manuscript to the novels and return its path; an old file is replaced only by a valid new one.

    The file is stored as it is. A zipped file is a folder of chapters.

    Raises:
        NovelError: the format is not read, the file cannot be read, has no text, its name is taken, or the folder is
            not writable.
    """
    suffix = _suffix(file_name)
    if suffix not in SUFFIXES:
        raise NovelError(
            f"{file_name!r} is not a supported manuscript; expected one of {', '.join(SUFFIXES)}{remedy(suffix)}"
        )
    path = novels_dir / f"{_stem(file_name)}{suffix}"
    _check_name_is_free(path, replace)
    novel_from(data, Path(file_name))
    _place(data, path, replace)
    return path


def _others(path: Path) -> list[Path]:
    """Return the novels of the folder that pages would show under the name of ``path``."""
    return [novel for novel in list_novels(path.parent) if novel.stem == path.stem] if path.parent.is_dir() else []


def _check_name_is_free(path: Path, replace: bool) -> None:
    taken = [path] if path.exists() else _others(path)
    if taken and not replace:
        raise NovelError(f"{taken[0].name} exists already; rename your file, or choose to replace the old one")
    if any(novel.is_dir() for novel in taken):
        raise NovelError(f"{taken[0].name} is a folder of chapters; rename your file, or move the folder away")


def _place(data: bytes, path: Path, replace: bool) -> None:
    """Write the file to ``path``; it takes the place of one of the same name in another format.

    Raises NovelError if the name is taken, even by a simultaneous upload.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(path.with_suffix(".novel"))), replacing(path) as scratch:
            scratch.write_bytes(data)
            _check_name_is_free(path, replace)
            for other in _others(path):
                if other != path:
                    other.unlink()
    except OSError as error:
        raise NovelError(
            f"{path.name} cannot be stored ({error.strerror or error}); free some space, or make the folder of "
            "novels writable"
        ) from error


def _stem(file_name: str) -> str:
    """Return a safe name for the novel, without the folders and characters that the sender put into it."""
    return safe_name(Path(file_name.replace("\\", "/").rsplit("/", 1)[-1]).stem)


def _suffix(file_name: str) -> str:
    return Path(file_name).suffix.lower()
