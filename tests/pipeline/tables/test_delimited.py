"""Tables as people and programs write them: the files of tests/inputs/tables, one a kind, and what is read of each."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import ROOT
from pipeline.errors import TableError
from pipeline.tables.rows import read_predictions, read_table

INPUTS = ROOT / "tests" / "inputs" / "tables"
LEFT, BACK = "He left home.", "He came back."
READ: list[tuple[str, list[str], list[bool], str]] = [
    ("semicolons.csv", ["He left home; he was nine, or ten.", "He came back, late."], [True, False], ""),
    ("tabs_utf16.txt", ["She left “home”.", 'She said "no".'], [True, False], "read as utf-16"),
    ("cp1252.csv", ["He said “no” – in the café.", BACK], [True, False], "read as cp1252"),
    ("byte_order_mark.csv", ["She left home."], [True], ""),
    ("old_mac_line_ends.csv", [LEFT, BACK], [True, False], ""),
    ("labels_of_programs.csv", [LEFT] * 10, [True, False, True, False, True, False, True, False, False, True], ""),
    ("empty_fields_at_the_end.csv", [LEFT, BACK], [True, False], ""),
    ("doubled_outer_quotes.csv", ['"He left home."', BACK], [True, False], "not doubled were read as text, on line 2"),
    (
        "quotes_not_doubled.csv",
        ['"I go," he said.', 'He said "no" and left.', '6" of rope were his.'],
        [True, False, True],
        "not doubled were read as text, on line 2, 3",
    ),
    (
        "quotes_after_backslashes.csv",
        ['He said "no", and left.', 'He said "yes."\nThen he left.', '"Go!"'],
        [True, False, True],
        "backslashes before quotation marks were read as their escapes, on line 2, 3, 5",
    ),
]
REFUSED = [
    ("unclosed_quote.csv", "a quotation mark opens a field on line 2 and is closed on line 4 before other text"),
    ("unclosed_quote_closed_by_the_next_row.csv", "the row on line 2 .* and line 3 looks like a row of its own"),
    ("unclosed_quote_without_labels.csv", "the row on line 2 .* and line 3 looks like a row of its own"),
    ("unclosed_quote_in_the_last_row.csv", "a quotation mark opens a field on line 3 and is never closed"),
    ("quotes_not_doubled_around_a_comma.csv", "a quotation mark opens a field on line 3 and is closed on line 3"),
    ("one_comma_too_many.csv", "line 3 has 7 fields, the header 6"),
    ("line_breaks_in_fields.csv", "line 6: the label is 'maybe'"),
    ("sep_line.csv", "line 5: the label is 'perhaps'"),
]


@pytest.mark.parametrize(("name", "contents", "consistent", "notice"), READ)
def test_table_is_read_with_every_row_and_its_own_label(
    name: str, contents: list[str], consistent: list[bool], notice: str
) -> None:
    notices: list[str] = []
    rows = read_table(INPUTS / name, labelled="required", on_notice=notices.append)
    assert [row.content for row in rows] == contents
    assert [row.id for row in rows] == [str(number) for number in range(1, len(contents) + 1)]
    assert [row.label == "consistent" for row in rows] == consistent
    assert {row.book_name for row in rows} == {"The Mill"}
    assert len(notices) == bool(notice)
    assert all(notice in found and found.startswith(str(INPUTS / name)) for found in notices)


def test_space_before_a_quoted_field_is_not_of_the_field(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        'id, book_name, char, content\n1, B, Tom, "He left, then came"\n2, B, Tom, "He ""x"" y"\n3, B, Tom, "a\nb"\n'
    )
    rows = read_table(path, labelled="absent")
    assert [row.content for row in rows] == ["He left, then came", 'He "x" y', "a\nb"]


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_malformed_table_is_refused_with_the_line(name: str, message: str) -> None:
    with pytest.raises(TableError, match=f"{name}.*{message}"):
        read_table(INPUTS / name, labelled="optional")


def test_every_input_is_tried() -> None:
    tried = {name for name, *_ in READ} | {name for name, _ in REFUSED}
    assert {path.name for path in INPUTS.iterdir()} == tried
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in tried)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_read_with_a_notice(encoding: str, tmp_path: Path) -> None:
    notices: list[str] = []
    path = tmp_path / "t.csv"
    path.write_bytes("id,book_name,char,content\n1,B,Zoë,She left.\n".encode(encoding))
    assert read_table(path, labelled="absent", on_notice=notices.append)[0].char == "Zoë"
    assert len(notices) == 1 and f"read as {encoding}, a guess" in notices[0]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(st.text(st.sampled_from('ab,; \n"'), min_size=1), min_size=2, max_size=5),
    dropped=st.integers(0, 400),
)
def test_no_row_is_lost_when_any_quotation_mark_is(tmp_path: Path, contents: list[str], dropped: int) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "book_name", "char", "content", "label"])
    writer.writerows([f"{n}", "B", "Tom", f"x{text}y", str(n % 2)] for n, text in enumerate(contents))
    text = written.getvalue()
    marks = [place for place, character in enumerate(text) if character == '"'][10:]
    place = marks[dropped % len(marks)]
    path = tmp_path / "t.csv"
    path.write_text(text[:place] + text[place + 1 :], encoding="utf-8", newline="")
    try:
        rows = read_table(path, labelled="required")
    except TableError as error:
        assert "line" in str(error)
        return
    assert [row.id.strip('"') for row in rows] == [str(n) for n in range(len(contents))]
    assert [row.label == "consistent" for row in rows] == [n % 2 == 1 for n in range(len(contents))]


def test_predictions_of_another_system_are_read_by_the_same_rules(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes("ID;Label;Probability\r\n1;True;0.75\r\n2;0.0;0.25\r\n".encode("utf-16"))
    assert read_predictions(path) == {"1": (0.75, "consistent"), "2": (0.25, "inconsistent")}
    path.write_text("id,label,probability\n1,1,0.75\n1,0,0.25\n", encoding="utf-8")
    with pytest.raises(TableError, match="duplicate"):
        read_predictions(path)
