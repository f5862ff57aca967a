"""A folder of chapters, or a zipped one, as one manuscript: in natural order, or as a file of contents says."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.errors import NovelError
from pipeline.formats.archive import open_archive
from pipeline.formats.builder import SECTION
from pipeline.formats.front_matter import is_front_matter
from pipeline.formats.manuscript import Manuscript, Mark, Section
from pipeline.formats.registry import FORMATS, read_manuscript
from pipeline.formats.signature import why_not
from pipeline.language.word_lists import word_set
from pipeline.records import Span
from pipeline.storage.encoding import decode
from pipeline.text.headings import number_of

Files = Mapping[PurePosixPath, bytes]

_CONTENTS = word_set("book contents index order summary toc")
_CONTENTS_SUFFIXES = (".md", ".txt", "")
NOT_CHAPTERS = word_set("changelog copying license licence notes readme synopsis")
_MATERIAL = word_set(
    "archive attachments background bible cast characters factions images inspiration items locations lore maps media "
    "notes outline outlines people persons places planning plot profiles research resources settings sheets storyboard "
    "templates timeline timelines todo trash world worldbuilding"
)
"""What folders and files are called that writers store next to their chapters."""
_COMPANION = re.compile(r"(.+?)[\s_-]+(?:notes|synopsis|meta ?data|comments|snapshot)", re.I)
_KEYWORD = re.compile(r"(?:ch|chap|chapter|scene|sc|part|pt|section|sect|day|letter)[\W_]*(\d+)(?!\d)", re.I)
_ROMAN_NAME = re.compile(r"([MDCLXVI]+)(?=\Z|[._-]|\s+-)")
_LINK = re.compile(r"\[\[([^\]|#\n]+)[^\]\n]*\]\]|\[[^\]\n]*\]\(<?([^)>#\n]+)[^)\n]*\)")
_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+(?:[-*+]\s+)*(?:\[[ xX]\]\s+)?(.+)")
_FIRST = word_set("foreword introduction preface prelude prologue")
_LAST = word_set("afterword coda epilogue postscript")
_UNPLACED = 1
_SHOWN = 6


def is_chapter_folder(folder: Path) -> bool:
    """Return True if the names in a folder say that its files are the chapters of one novel.

    They do if one of them is a file of contents, or if most of at least two have a number.
    """
    names = [PurePosixPath(path.name) for path in folder.iterdir() if _counts(PurePosixPath(path.name))]
    chapters = [name for name in names if not _is_contents(name)]
    numbered = sum(_number(name.stem) is not None for name in chapters)
    return len(chapters) > 1 and (len(chapters) < len(names) or numbered > len(chapters) / 2)


def chapter_paths(folder: Path) -> list[Path]:
    """Return the files of a folder of chapters, and its file of contents, by name; raises OSError."""
    return [path for path in sorted(folder.rglob("*")) if _counts(_name_in(folder, path)) and path.is_file()]


def read_folder(folder: Path) -> tuple[Manuscript, str]:
    """Read a folder of chapters; return it with the SHA-256 of its files, by name."""
    try:
        files = {_name_in(folder, path): path.read_bytes() for path in chapter_paths(folder)}
    except OSError as error:
        raise NovelError(f"{folder} cannot be read ({error.strerror or error}); check its permissions") from error
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"{name}\0{len(data)}\0".encode(errors="surrogateescape") + data)
    return read_chapters(files, source=str(folder)), digest.hexdigest()


def read_zip(data: bytes, source: str) -> Manuscript:
    """Read a zipped folder of chapters, or a zipped manuscript."""
    if reason := why_not(data, ".zip"):
        raise NovelError(f"{source} {reason}")
    try:
        with open_archive(data, source) as archive:
            files = {
                name: archive.read(entry)
                for entry in archive.infolist()
                if not entry.is_dir() and _counts(name := PurePosixPath(entry.filename))
            }
    except NovelError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise NovelError(f"{source} cannot be read as ZIP ({error}); zip the folder again, unencrypted") from error
    if len(files) == 1:
        ((name, only),) = files.items()
        return read_manuscript(only, name.name, source=f"{name} in {source}")
    return read_chapters(files, source=source)


def read_chapters(files: Files, *, source: str) -> Manuscript:
    """Join the files of a novel, each a section of it.

    Raises:
        NovelError: there is no chapter, one cannot be read, or the file of contents names one that is not there.
    """
    names, notices = _order(files, source)
    if not names:
        raise NovelError(f"{source} holds no chapters; expected files that end with {', '.join(FORMATS)}")
    read = [(name, read_manuscript(files[name], name.name, source=f"{name} in {source}")) for name in names]
    return _joined([(name, chapter) for name, chapter in read if chapter.text.strip()], notices)


def _joined(chapters: Sequence[tuple[PurePosixPath, Manuscript]], notices: list[str]) -> Manuscript:
    titles = Counter(name.stem for name, _ in chapters)
    text, sections, headings, navigation, set_apart = "", [], list[Mark](), list[Mark](), list[Mark]()
    for name, chapter in chapters:
        start = len(text)
        text += chapter.text.strip("\n") + SECTION
        title = name.stem if titles[name.stem] == 1 else str(name.with_suffix(""))
        sections.append(Section(title, Span(start, len(text))))
        skipped = len(chapter.text) - len(chapter.text.lstrip("\n"))
        headings += _moved(chapter.headings, start - skipped)
        navigation += _moved(chapter.navigation, start - skipped)
        set_apart += _moved(chapter.set_apart, start - skipped)
        notices += [f"{name}: {notice}" for notice in chapter.notices]
    kinds = Counter(chapter.encoding for _, chapter in chapters)
    encoding = max(kinds, key=lambda kind: kinds[kind]) if kinds else "utf-8"
    return Manuscript(
        text, encoding, tuple(headings), tuple(navigation), tuple(set_apart), tuple(sections), tuple(notices)
    )


def _moved(marks: Sequence[Mark], offset: int) -> list[Mark]:
    return [mark._replace(start=mark.start + offset, end=mark.end + offset) for mark in marks]


def _name_in(folder: Path, path: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(folder).as_posix())


def _counts(name: PurePosixPath) -> bool:
    """Return True for a file that may be a chapter or the contents: visible, of a format that is read, no licence."""
    # "~$" begins the files with which Word locks a document that is open.
    hidden = any(part.startswith((".", "~$", "__MACOSX")) for part in name.parts)
    known = name.suffix.lower() in FORMATS or _is_contents(name)
    return known and not hidden and name.stem.casefold() not in NOT_CHAPTERS


def _is_contents(name: PurePosixPath) -> bool:
    return name.stem.casefold().strip("_ ") in _CONTENTS and name.suffix.lower() in _CONTENTS_SUFFIXES


def _order(files: Files, source: str) -> tuple[list[PurePosixPath], list[str]]:
    """Return the chapters in order, and notices of what was chosen."""
    chapters = [name for name in files if not _is_contents(name)]
    for contents in sorted(set(files) - set(chapters), key=lambda name: (len(name.parts), str(name))):
        text = decode(files[contents], source=f"{contents} in {source}").text
        entries = _entries(text, plain=contents.suffix.lower() != ".md")
        listed = _listed(entries, chapters, f"{contents} in {source}")
        if listed:
            unlisted = [name for name in chapters if name not in listed]
            return listed, [f"not in {contents}, and so left out: {_shown(unlisted)}"] if unlisted else []
    others = [name for name in sorted(set(files) - set(chapters), key=str) if name.suffix]
    story, material = _without_material([*chapters, *others])
    kept, notices = _of_one_kind(sorted(story, key=_place))
    if material:
        notices.append(f"left out, as their names are not those of chapters: {_shown(sorted(material))}")
    if len(kept) > 1 and any(_rank(name.stem)[0] == _UNPLACED for name in kept):
        notices.append(
            f"the order of the chapters is that of their names: {_shown(kept)}; for another order, list the names in "
            "a file contents.txt"
        )
    return kept, notices


def _without_material(names: Sequence[PurePosixPath]) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """Split the names of files into those of chapters, and those of notes, sheets, front and back matter."""
    stems = {str(name.with_suffix("")).casefold() for name in names}

    def is_material(name: PurePosixPath) -> bool:
        parts = [_bare(part) for part in (*name.parts[:-1], name.stem)]
        companion = _COMPANION.fullmatch(str(name.with_suffix("")))
        own = companion is not None and companion[1].casefold() in stems
        return own or not _MATERIAL.isdisjoint(parts) or is_front_matter(parts[-1])

    material = [name for name in names if is_material(name)]
    return (
        ([name for name in names if name not in material], material) if len(material) < len(names) else ([*names], [])
    )


def _bare(part: str) -> str:
    """Return the name of a file or folder without its number, in lower case: "00 Copyright" is "copyright"."""
    return re.sub(r"\A[\W\d_]+", "", part).casefold() or part


def _of_one_kind(names: list[PurePosixPath]) -> tuple[list[PurePosixPath], list[str]]:
    """Leave out the files of rarer formats: an export of the whole next to its chapters would be read twice.

    Where every file has a number of its own, all are chapters, whatever their formats.
    """
    places = [(name.parent, _number(name.stem)) for name in names]
    if len(set(places)) == len(names) and all(number is not None for _, number in places):
        return names, []
    kinds = Counter(name.suffix.lower() for name in names)
    common = max(kinds, key=lambda kind: kinds[kind], default="")
    others = [name for name in names if name.suffix.lower() != common]
    notice = f"read from the {common} files; of another format, and so left out: {_shown(others)}"
    return [name for name in names if name not in others], [notice] if others else []


def _listed(entries: Sequence[str], chapters: Sequence[PurePosixPath], source: str) -> list[PurePosixPath]:
    """Return the chapters that the entries of a file of contents name; none if they name no chapter at all."""
    keys = {key: name for name in reversed(chapters) for key in _keys(name)}
    found = [keys.get(_key(entry)) for entry in entries]
    missing = [entry for entry, name in zip(entries, found, strict=True) if name is None]
    listed = list(dict.fromkeys(name for name in found if name is not None))
    if listed and missing:
        raise NovelError(f"{source} lists {missing[0]!r}, which is not there; correct the name or add the file")
    return listed


def _entries(text: str, *, plain: bool) -> list[str]:
    """Return the names in a file of contents: links and list items, in plain text every line that is no heading."""
    entries, front_matter = [], False
    for number, line in enumerate(map(str.strip, text.splitlines())):
        if line == "---":
            front_matter = number == 0
            continue
        item = _ITEM.fullmatch(line)
        link = _LINK.search(line)
        if link and not front_matter:
            entries.append(link[1] or link[2])
        elif item and (plain or front_matter or not is_front_matter(item[1])):
            entries.append(item[1])
        elif plain and line and not line.startswith("#"):
            entries.append(line)
    return [entry.strip().strip("\"'") for entry in entries]


def _keys(name: PurePosixPath) -> set[str]:
    return {_key(str(name)), _key(str(name.with_suffix(""))), _key(name.name), _key(name.stem)}


def _key(name: str) -> str:
    return name.replace("%20", " ").removeprefix("./").casefold().strip()


def _place(name: PurePosixPath) -> tuple[tuple[int, int, list[tuple[int, str]]], ...]:
    """Return a key of the natural order: prologues, numbers by value ("Chapter Two"), other names, epilogues."""
    parts = [*name.parts[:-1], name.stem]
    return tuple(_rank(part) for part in parts)


def _rank(part: str) -> tuple[int, int, list[tuple[int, str]]]:
    number = _number(part)
    word = (re.findall(r"[^\W\d_]+", part.casefold()) or [""])[0]
    outer = 0 if number is not None else -1 if word in _FIRST else 2 if word in _LAST else _UNPLACED
    pieces = re.findall(r"\d+|\D+", part.casefold())
    return outer, number or 0, [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _number(stem: str) -> int | None:
    """Return the number that a file name begins with, also a Roman one, or that follows its "Chapter"."""
    found = re.match(r"\W*(\d+)", stem) or _KEYWORD.match(stem)
    if found:
        return int(found[1])
    roman = _ROMAN_NAME.match(stem)
    return number_of(f"Chapter {roman[1]}" if roman else stem.replace("_", " ").replace("-", " "))


def _shown(names: Sequence[PurePosixPath]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) for name in names[:_SHOWN]) + more
