"""Read a file or a folder of chapters as a novel, and find novels on a shelf (a folder of novels)."""

from __future__ import annotations

import difflib
import hashlib
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.errors import NovelError
from pipeline.formats.manuscript import Manuscript
from pipeline.formats.registry import FORMATS, read_manuscript
from pipeline.language.folding import match_key
from pipeline.language.repairs import find_repairs
from pipeline.records import Novel, Span
from pipeline.text.chapter_files import NOT_CHAPTERS, is_chapter_folder, read_folder, read_zip
from pipeline.text.marked_chapters import choose_chapters, guessed_titles, story_body

ZIP = ".zip"
SUFFIXES = (*FORMATS, ZIP)
"""The suffixes of the files that are read as novels."""

_EBOOK = r"(?:THE |THIS )?PROJECT GUTENBERG(?:[’']S)?(?:-TM)? E-?(?:BOOK|TEXT)"
_HEADER = re.compile(
    rf"^[^\S\n]*\*{{2,}}[^\S\n]*START OF {_EBOOK}(?:[^*\n]*(?:\n(?!\s*\n)[^*\n]*){{0,2}}\*{{2,}}|[^\n]*)[^\n]*"
    r"|^\*END ?\*? ?THE SMALL PRINT[^\n]*",
    re.M | re.I,
)
_FOOTER = re.compile(rf"^[^\S\n]*\*{{2,}}[^\S\n]*END OF {_EBOOK}", re.M | re.I)
_OLD_FOOTER = re.compile(r"^[^\S\n]*End of (?:the |this )?Project Gutenberg(?:[’']s)?\b[^\n]*", re.M | re.I)
_PRODUCERS = re.compile(
    r"\s*(?:produced by|e-?text prepared by|transcribed (?:from|by))\b(?:[^\n]+\n)+(?=[^\S\n]*\n)", re.I
)
_TITLE_LINE = re.compile(r"^Title:[^\S\n]*(\S[^\n]*(?:\n[^\S\n]+\S[^\n]*)*)", re.M)
_NEAR_FOOTER = 1000
_HEADER_BYTES = 8000
_SHOWN = 8
_LONGEST_SHOWN = 80


def load_novel(path: str | Path) -> Novel:
    """Read the novel at ``path``, a file of any format or a folder of chapters.

    Raises NovelError when it cannot be read or has no words.
    """
    path = Path(path)
    if _is_folder(path):
        manuscript, sha256 = read_folder(path)
        return _novel(manuscript, path, sha256)
    return novel_from(_read(path), path)


def novel_from(data: bytes, path: Path) -> Novel:
    """Return the novel of the bytes of a file; raises NovelError, which names ``path``."""
    manuscript = _manuscript(data, path)
    return _novel(manuscript, path, hashlib.sha256(data).hexdigest())


def _manuscript(data: bytes, path: Path) -> Manuscript:
    if path.suffix.lower() == ZIP:
        return read_zip(data, str(path))
    return read_manuscript(data, path.name, source=str(path))


def _novel(manuscript: Manuscript, path: Path, sha256: str) -> Novel:
    text = manuscript.text
    if not any(map(str.isalpha, text)):
        raise NovelError(f"{path} is empty: it holds no words; give the whole novel, in one of {', '.join(SUFFIXES)}")
    body = _find_body(text)
    if not any(map(str.isalpha, text[body.start : body.end])):
        raise NovelError(f"{path} holds a Project Gutenberg header and footer and no words between them")
    body, notices = story_body(manuscript, body)
    chapters, repairs = choose_chapters(manuscript, body), find_repairs(text)
    name = path.name if _is_folder(path) else path.stem
    notices = (*manuscript.notices, *notices, *guessed_titles(manuscript, chapters))
    return Novel(name, str(path), text, body, chapters, manuscript.encoding, sha256, notices, repairs)


def list_novels(folder: str | Path) -> tuple[Path, ...]:
    """Return the novels of ``folder``, sorted by name: files of every format, and folders of numbered chapters.

    Hidden files are left out, and those that are called as what goes with files (``README.md``).
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise NovelError(f"the novels folder {folder} {found}; name a folder that holds novels")
    try:
        novels = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "~$")) and _is_novel(entry)]
    except OSError as error:
        raise NovelError(
            f"the novels folder {folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    return tuple(sorted(novels, key=lambda entry: (entry.name.lower(), entry.name)))


def companion_path(novel: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to a novel and is next to it, such as its aliases."""
    name = novel.name if novel.is_dir() else novel.stem
    return novel.with_name(f"{name}.{suffix}")


def novel_size(path: Path) -> int:
    """Return the size of a novel in bytes, of a folder with all its files."""
    return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size


def _is_novel(entry: Path) -> bool:
    if entry.is_dir():
        try:
            return is_chapter_folder(entry)
        except OSError:
            return False  # a folder that may not be opened, next to the novels
    return entry.suffix.lower() in SUFFIXES and entry.stem.casefold() not in NOT_CHAPTERS and entry.is_file()


@dataclass(frozen=True)
class Shelf:
    """A folder of novels, listed once, in which many names are looked up; novels added later are not found."""

    folder: Path

    @cached_property
    def novels(self) -> tuple[Path, ...]:
        """The novels of the folder; raises NovelError if it cannot be listed."""
        return list_novels(self.folder)

    def find(self, name: str, *, paths: bool = True) -> Path:
        """Return the novel that ``name`` means: a path, a file name or stem in the folder, or a title.

        Without ``paths`` a name that leads outside the folder is unknown: the content of a table must not choose files.

        Case, accents, spaces, hyphens, underscores and punctuation make no difference, nor does a leading article. The
        ``Title:`` line of a Project Gutenberg header counts if no file name matches. Raises NovelError, with the
        novels that there are, for a name that means no novel or several.
        """
        single = len(Path(name).parts) == 1
        for direct in (Path(name), self.folder / name) if paths else (self.folder / name,):
            if ((Path(name).suffix and single) or (paths and not single)) and _is_file(direct):
                return direct
        for numbers in self._meanings(name):
            found = [self.novels[number] for number in sorted(numbers)]
            if len(found) == 1:
                return found[0]
            if found:
                raise NovelError(
                    f"{name!r} means several novels in {self.folder}: {_listed(found)}; give the file name"
                )
        for direct in self._folders(name, paths=paths):
            if _is_folder(direct) and not self.folder.resolve().is_relative_to(direct.resolve()):
                return direct
        raise _unknown(self.folder, name, self.novels)

    def _folders(self, name: str, *, paths: bool) -> Iterator[Path]:
        """Yield the folders that a name may mean outright, whatever their files are called."""
        if Path(name).name.strip(" ."):
            inside = self.folder / name
            if paths or len(Path(name).parts) == 1:
                yield inside
            if paths and inside != Path(name) and re.search(r"[/\\]", name):
                yield Path(name)

    def _meanings(self, name: str) -> Iterator[set[int]]:
        """Yield the sets of novels, by number, that a name may mean, most certain first."""
        key, loose = match_key(name), match_key(_without_article(name))
        if key:
            yield self._by_file.get(key, set())
            yield self._by_loose.get(key, set()) | self._by_loose.get(loose, set())
            yield self._by_title.get(key, set())

    @cached_property
    def _by_file(self) -> dict[str, set[int]]:
        return self._numbers_by(_file_keys)

    @cached_property
    def _by_loose(self) -> dict[str, set[int]]:
        return self._numbers_by(_loose_keys)

    @cached_property
    def _by_title(self) -> dict[str, set[int]]:
        return self._numbers_by(_title_keys)

    def _numbers_by(self, keys_of: Callable[[Path], set[str]]) -> dict[str, set[int]]:
        """Return the numbers of the novels with each key."""
        found: dict[str, set[int]] = {}
        for number, novel in enumerate(self.novels):
            for key in keys_of(novel):
                found.setdefault(key, set()).add(number)
        return found


def find_novel(folder: str | Path, name: str, *, paths: bool = True) -> Path:
    """Return the novel that one name means, as ``Shelf.find`` does; for many names, make one ``Shelf``."""
    return Shelf(Path(folder)).find(name, paths=paths)


def _read(path: Path) -> bytes:
    wanted = "name a file that holds a novel, or a folder of chapters"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise NovelError(f"{path} does not exist: {wanted}") from error
    except (OSError, ValueError) as error:
        raise NovelError(f"{str(path)[:_LONGEST_SHOWN]!r} is not a usable path ({_reason(error)}): {wanted}") from error
    if not stat.S_ISREG(mode):
        raise NovelError(f"{path} is not a regular file: {wanted}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise NovelError(f"{path} cannot be read ({_reason(error)}): check its permissions") from error


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _is_file(path: Path) -> bool:
    """Return True if ``path`` is a file; False for a title too long to be a file name."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    """Return True if ``path`` is a folder; False for what cannot be a path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _find_body(text: str) -> Span:
    """Return the range of the work without the Project Gutenberg header and footer, and without outer white space."""
    footer = _FOOTER.search(text)
    headers = [match.end() for match in _HEADER.finditer(text) if footer is None or match.start() < footer.start()]
    start = headers[-1] if headers else 0
    end = _footer_start(text, start)
    producers = _PRODUCERS.match(text, start, end) if headers else None
    start = producers.end() if producers else start
    inner = text[start:end]
    return Span(start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip()))


def _footer_start(text: str, start: int) -> int:
    """Return the start of the last footer: its starred line, or the plain line before it in older files."""
    starred = [match.start() for match in _FOOTER.finditer(text, start)]
    plain = [match.start() for match in _OLD_FOOTER.finditer(text, start)]
    if not starred:
        return plain[-1] if plain else len(text)
    near = [offset for offset in plain if starred[-1] - _NEAR_FOOTER <= offset < starred[-1]]
    return min(near, default=starred[-1])


def _file_keys(novel: Path) -> set[str]:
    return {match_key(novel.stem), match_key(novel.name)}


def _loose_keys(novel: Path) -> set[str]:
    return {match_key(novel.stem), match_key(_without_article(novel.stem))}


def _title_keys(novel: Path) -> set[str]:
    try:
        with novel.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError:
        return set()  # an unreadable file has no title; looking it up by name reports the error
    match = _TITLE_LINE.search(head.decode("utf-8", errors="ignore").replace("\r\n", "\n"))
    return set() if match is None else {match_key(match[1]), match_key(_without_article(match[1]))}


def _without_article(name: str) -> str:
    return re.sub(r"^(?:the|a|an)[\s_-]+", "", name.strip(), flags=re.I)


def _unknown(folder: str | Path, name: str, novels: Sequence[Path]) -> NovelError:
    if not novels:
        return NovelError(f"{folder} holds no novel, so none called {name!r}: put it there as {', '.join(SUFFIXES)}")
    by_key = {match_key(novel.stem): novel for novel in novels}
    near = [by_key[key] for key in difflib.get_close_matches(match_key(name), by_key, n=3, cutoff=0.5)]
    nearest = f"the nearest: {_listed(near)}; " if near else ""
    return NovelError(f"no novel {name!r} in {folder}; {nearest}there are {_listed(novels)}")


def _listed(novels: Sequence[Path]) -> str:
    names = ", ".join(repr(novel.name) for novel in novels[:_SHOWN])
    return names + (f" and {len(novels) - _SHOWN} more" if len(novels) > _SHOWN else "")
