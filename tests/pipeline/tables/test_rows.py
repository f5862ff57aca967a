"""Tables to rows, predictions to a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import OutputError, TableError
from pipeline.tables.labels import LABELS
from pipeline.tables.predictions import Prediction, write_claim_predictions, write_predictions
from pipeline.tables.rows import Row, group_by_book, read_predictions, read_table, row_text

HEADER = "id,book_name,char,caption,content,label\n"


def table(tmp_path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


def row(book_name: str, *, id: str = "1", caption: str = "", content: str = "He sailed.") -> Row:
    return Row(id=id, book_name=book_name, char="", caption=caption, content=content, label=None, pair=None)


def test_read_table_reads_every_field(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + '7,The Sea,Ann Lee,Her Youth,"She sailed, often.",contradict\n')
    assert read_table(path, labelled="required") == (
        Row("7", "The Sea", "Ann Lee", "Her Youth", "She sailed, often.", "inconsistent", None),
    )


def test_read_table_reads_a_byte_order_mark_crlf_and_blank_lines(tmp_path: Path) -> None:
    text = HEADER + "1,B,Zoé,,Elle.,1\n\n2,B,Zoé,,Lui.,0\n\n"
    path = table(tmp_path, text.replace("\n", "\r\n"), encoding="utf-8-sig")
    assert [(r.id, r.char, r.label) for r in read_table(path, labelled="required")] == [
        ("1", "Zoé", "consistent"),
        ("2", "Zoé", "inconsistent"),
    ]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("Consistent", "consistent"),
        ("CONTRADICT", "inconsistent"),
        (" inconsistent ", "inconsistent"),
        ("1", "consistent"),
        ("0", "inconsistent"),
    ],
)
def test_read_table_accepts_each_spelling_of_a_label(tmp_path: Path, cell: str, label: str) -> None:
    path = table(tmp_path, HEADER + f"1,B,,,He sailed.,{cell}\n")
    assert read_table(path, labelled="required")[0].label == label


def test_read_table_keeps_words_that_pandas_takes_for_missing_values(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "001,NA,null,,None,1\n")
    read = read_table(path, labelled="required")[0]
    assert (read.id, read.book_name, read.char, read.content) == ("001", "NA", "null", "None")


def test_read_table_needs_no_caption_and_keeps_pairs(tmp_path: Path) -> None:
    path = table(tmp_path, "pair,Content,char,book_name,ID\n9,He sailed.,,B,1\n,He sank.,,B,2\n")
    rows = read_table(path, labelled="optional")
    assert [(r.caption, r.pair, r.label) for r in rows] == [("", "9", None), ("", None, None)]


def test_read_table_does_not_look_at_labels_of_a_test_table(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "1,B,,,He sailed.,nonsense\n")
    assert read_table(path, labelled="absent")[0].label is None


@pytest.mark.parametrize("cell", ["not_stated", " Not stated ", "NEUTRAL"])
def test_claim_that_the_novel_leaves_open_has_no_label(tmp_path: Path, cell: str) -> None:
    path = table(tmp_path, HEADER + f"1,B,,,He sailed.,{cell}\n2,B,,,He sank.,1\n3,B,,,He swam.,\n")
    rows = read_table(path, labelled="optional")
    assert [(one.label, one.left_open) for one in rows] == [(None, True), ("consistent", False), (None, False)]
    assert not read_table(path, labelled="absent")[0].left_open, "a label of a test table is not read"
    with pytest.raises(TableError, match=r"line 2: the label is .*expected one of consistent"):
        read_table(path, labelled="required")


def test_read_table_reads_what_is_for_evaluation_only(tmp_path: Path) -> None:
    header = "id,book_name,char,content,label,pair,evidence,type,difficulty"
    text = header + '\n1,B,,He sailed.,1,9,"He  set\n\n sail",object,easy\n'
    (one,) = read_table(table(tmp_path, text), labelled="required")
    assert (one.pair, one.evidence, one.kind, one.difficulty) == ("9", ("He  set", "sail"), "object", "easy")
    (other,) = read_table(table(tmp_path, text.replace(",type,", ",kind,")), labelled="required")
    assert other == one
    (bare,) = read_table(table(tmp_path, HEADER + "1,B,,,He sailed.,1\n"), labelled="required")
    assert (bare.evidence, bare.kind, bare.difficulty) == ((), "", "")


def test_read_table_lets_optional_labels_be_empty(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "1,B,,,He sailed.,\n2,B,,,He sank.,0\n")
    assert [r.label for r in read_table(path, labelled="optional")] == [None, "inconsistent"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n" + HEADER + "1,B,,,x,1\n", "begins with a blank line"),
        (HEADER, "has no rows"),
        (HEADER + "\n\n", "has no rows"),
        ("id,book_name,char\n1,B,\n", "has no column content, label"),
        ("id,id,book_name,char,content,label\n1,1,B,,x,1\n", "has the column id twice"),
        ("id,ID,book_name,char,content,label\n1,1,B,,x,1\n", "has the column id twice"),
        (HEADER + "1,B,,,x,1\n2,B,,,y,0\n1,B,,,z,1\n", "1 duplicate id(s): 1;"),
        (HEADER + "1,B,,,  ,1\n", "an empty content on line 2"),
        (HEADER + "1,,,,x,1\n", "an empty book_name on line 2"),
        (HEADER + ",B,,,x,1\n", "an empty id on line 2"),
        (HEADER + "1,B,,,x,\n", "line 2: the label is ''"),
        (HEADER + '1,B,,,"two\nlines",1\n\n2,B,,,x,maybe\n', "line 5: the label is 'maybe'"),
        (HEADER + "1,B,,,He sailed, and sank,1\n", "not a well-formed CSV"),
        (HEADER + "1,B,,,x,1\n2,B,,,He sailed, and sank,1\n", "not a well-formed CSV"),
        (HEADER + '1,B,,,"He sailed,1\n', "not a well-formed CSV"),
        ("\0\1PNG", "is a binary file"),
    ],
)
def test_read_table_names_the_fault_on_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(TableError) as caught:
        read_table(path, labelled="required")
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_table_lists_only_the_first_duplicate_ids(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "".join(f"{i},B,,,x,1\n" for i in [*range(9), *range(9)]))
    with pytest.raises(TableError, match=r"9 duplicate id\(s\): 0, 1, 2, 3, 4, 5, 6, 7, \.\.\.;"):
        read_table(path, labelled="required")


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_read_table_refuses_a_missing_file_and_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path / name, labelled="optional")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text(), st.sampled_from([*LABELS, "", "2"])), max_size=4))
def test_read_table_reads_or_refuses_any_quoted_table(tmp_path: Path, cells: list[tuple[str, str, str]]) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "book_name", "char", "content", "label"])
    writer.writerows([str(i), "B", char, content, label] for i, (char, content, label) in enumerate(cells))
    path = tmp_path / "any.csv"
    path.write_bytes(written.getvalue().encode("utf-8", "surrogatepass"))
    try:
        rows = read_table(path, labelled="optional")
    except TableError as error:
        assert "\n" not in str(error)
        return
    assert [r.char for r in rows] == [char.strip() for char, _, _ in cells]
    assert [r.content for r in rows] == [content.strip() for _, content, _ in cells]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary())
def test_read_table_refuses_any_bytes_with_a_table_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(data)
    with pytest.raises(TableError):
        read_table(path, labelled="required")


def test_row_text_leaves_the_caption_out() -> None:
    assert row_text(row("B", caption="The Origin of His Connection", content=" He sailed.\n")) == "He sailed."


def test_group_by_book_joins_spellings_under_the_first() -> None:
    rows = [row("In Search of X", id="1"), row("Other", id="2"), row("in_search  of x", id="3")]
    groups = group_by_book(rows)
    assert {book: [r.id for r in members] for book, members in groups.items()} == {
        "In Search of X": ["1", "3"],
        "Other": ["2"],
    }


def test_write_predictions_writes_the_declared_columns(tmp_path: Path) -> None:
    path = tmp_path / "new" / "test_predictions.csv"
    predictions = [Prediction("7", 0.61237, 'He said "yes",\nonce.'), Prediction("8", 0.2, "")]
    write_predictions(path, predictions, threshold=0.5)
    assert path.read_bytes() == (
        b'id,label,probability,rationale\n7,consistent,0.6124,"He said ""yes"", once."\n8,inconsistent,0.2000,\n'
    )


def test_write_predictions_calls_the_threshold_itself_consistent(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_predictions(path, [Prediction("1", 0.7, ""), Prediction("2", 0.69999, "")], threshold=0.7)
    assert [line.split(",")[1] for line in path.read_text().splitlines()[1:]] == ["consistent", "inconsistent"]


def test_write_predictions_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", [], threshold=0.5)
    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]


def test_write_predictions_refuses_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_predictions(tmp_path / "file" / "p.csv", [], threshold=0.5)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_prediction_refuses_what_is_no_probability(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Prediction("1", probability, "")


def test_write_claim_predictions_leaves_a_missing_column_empty(tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    write_claim_predictions(path, ["7"], ["consistent"], {"probability": [0.75], "probability_wrong_novel": None}, {})
    assert path.read_text() == "id,label,probability,probability_wrong_novel\n7,consistent,0.7500,\n"


def test_write_claim_predictions_writes_further_columns_as_they_are(tmp_path: Path) -> None:
    path, more = tmp_path / "claims.csv", {"verdict": ["not_stated"], "start": [12], "end": [""]}
    write_claim_predictions(path, ["7"], ["consistent"], {"probability": [0.75]}, more)
    assert path.read_text() == "id,label,probability,verdict,start,end\n7,consistent,0.7500,not_stated,12,\n"


def test_read_predictions_reads_what_another_system_wrote(tmp_path: Path) -> None:
    path = table(tmp_path, "label,id,probability,more\n0, 7 ,0.25,x\nconsistent,8,1,y\n")
    assert read_predictions(path) == {"7": (0.25, "inconsistent"), "8": (1.0, "consistent")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,label\n7,1\n", "expected id, probability, label"),
        ("id,probability,label\n7,much,1\n", "row '7'"),
        ("id,probability,label\n7,nan,1\n", "line 2: row '7' has no valid label and probability"),
    ],
)
def test_read_predictions_refuses_what_it_cannot_use(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        read_predictions(table(tmp_path, text))
