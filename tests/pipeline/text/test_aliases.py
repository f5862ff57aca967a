"""Aliases as a user types them or writes them into a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingError
from pipeline.text.aliases import Alias, load_aliases, names_of, parse_alias


def test_parse_alias_reads_both_sides() -> None:
    assert parse_alias(" Monte Cristo = Edmond Dantès ") == Alias("Monte Cristo", "Edmond Dantès")


@pytest.mark.parametrize("text", ["Monte Cristo", "=Edmond", "Monte Cristo=", "", "a=b=c", "!=?"])
def test_parse_alias_refuses_a_missing_side(text: str) -> None:
    with pytest.raises(SettingError, match="not of the form ALIAS=NAME"):
        parse_alias(text)


def test_load_aliases_reads_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "aliases.txt"
    path.write_bytes("\ufeff# names\r\n\r\nMonte Cristo=Edmond Dantès\r\nSinbad=Monte Cristo\r\n".encode())
    assert load_aliases(path) == (Alias("Monte Cristo", "Edmond Dantès"), Alias("Sinbad", "Monte Cristo"))


def test_load_aliases_names_the_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "aliases.txt"
    path.write_text("a=b\n\nnothing\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"aliases\.txt, line 3: the alias 'nothing'"):
        load_aliases(path)


def test_load_aliases_refuses_a_file_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        load_aliases(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9=x")
    with pytest.raises(SettingError, match="not UTF-8"):
        load_aliases(tmp_path / "latin.txt")


def test_names_of_splits_at_a_slash() -> None:
    assert names_of("Tom Ayrton/Ben Joyce", ()) == ("Tom Ayrton", "Ben Joyce")


def test_names_of_follows_aliases_either_way_and_on() -> None:
    aliases = [Alias("Sinbad", "Monte Cristo"), Alias("Monte Cristo", "Edmond Dantes"), Alias("Ali", "Haydée")]
    assert set(names_of("edmond dantès", aliases)) == {"edmond dantès", "Monte Cristo", "Sinbad"}
    assert set(names_of("Sinbad", aliases)) == {"Sinbad", "Monte Cristo", "Edmond Dantes"}


@pytest.mark.parametrize("target", ["", "  ", "/", "!"])
def test_names_of_nothing_is_nothing(target: str) -> None:
    assert names_of(target, ()) == ()
