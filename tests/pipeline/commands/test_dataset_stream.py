"""``run_dataset.py --stream``: the predictions of an ordinary run, from and to CSV and Parquet, no table held."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import dataset_main
from pipeline.commands import dataset_stream
from pipeline.engines.work import PredictRows
from pipeline.errors import TableError
from tests.pipeline.command_line import Said, refused, run
from tests.pipeline.commands.test_dataset import STATEMENTS, TRAIN, write_csv
from tests.pipeline.little_story import TEXT

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[tables]'")

from pyarrow import parquet  # noqa: E402

from pipeline.tables.stream import split_table  # noqa: E402

BOOKS = ("Low Water", "other_water", "LOW WATER", "Other Water.txt")
TEST = [
    {"id": f"t{n}", "book_name": BOOKS[n % 4], "char": "Dr Moss", "caption": "", "content": f'{text} "Indeed."\nSo.'}
    for n, text in enumerate(STATEMENTS)
]


@pytest.fixture(scope="module")
def asked(stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The flags of a good run, but for its test table and its output."""
    folder = tmp_path_factory.mktemp("stream")
    for name, text in (("Low Water", TEXT), ("Other Water", TEXT.replace("1871", "1872"))):
        (folder / f"{name}.txt").write_text(text)
    machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    places = ["--novels_dir", folder, "--cache_dir", folder / "cache"]
    return [*machine, *places, "--folds", "2", "--repeats", "2", "--train_csv", write_csv(folder / "train.csv", TRAIN)]


def as_parquet(path: Path, rows: list[dict[str, str]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["id"])


@pytest.mark.slow
def test_streamed_predictions_are_those_of_an_ordinary_run(
    asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(name: str, table: Path, *flags: str) -> Said:
        said = run(dataset_main, *asked, "--test_csv", table, "--out_dir", tmp_path / name, *flags)
        assert said.status == 0, said.err
        return said

    table = write_csv(tmp_path / "test.csv", TEST)
    predict("ordinary", table)
    monkeypatch.setattr(dataset_stream, "MOST_ROWS", 3)
    assert "predicted 8 of 8 rows" in predict("csv", table, "--stream").out
    predict("parquet", as_parquet(tmp_path / "test.parquet", TEST), "--stream")
    wanted = read_csv(tmp_path / "ordinary" / "test_predictions.csv")
    assert read_csv(tmp_path / "csv" / "test_predictions.csv") == wanted
    rows = parquet.read_table(tmp_path / "parquet" / "test_predictions.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["t0", "t2", "t4", "t6", "t1", "t5", "t3", "t7"], "by novel as spelt"
    rounded = [row | {"probability": f"{row['probability']:.4f}"} for row in sorted(rows, key=lambda row: row["id"])]
    assert rounded == wanted
    assert not list((tmp_path / "csv").glob(".test*"))


def test_stream_leaves_out_a_novel_that_fails_and_goes_on_from_what_it_kept(
    asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    novels = tmp_path / "novels"
    novels.mkdir()
    for name, text in (("Low Water", TEXT), ("Blank", " ")):
        (novels / f"{name}.txt").write_text(text)
    rows = [row | {"book_name": "blank" if number == 3 else "Low Water"} for number, row in enumerate(TEST)]
    flags = [*asked, "--test_csv", write_csv(tmp_path / "test.csv", rows), "--novels_dir", novels, "--stream"]
    monkeypatch.setattr(dataset_stream, "MOST_ROWS", 2)
    work, done = PredictRows.run, list[PredictRows]()

    def stop_at_the_third(self: PredictRows, pipeline: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(self)
        return work(self, pipeline)

    with monkeypatch.context() as patched:
        patched.setattr(PredictRows, "run", stop_at_the_third)
        assert run(dataset_main, *flags, "--out_dir", tmp_path / "out").status == 130

    def note(self: PredictRows, pipeline: Any) -> Any:
        done.append(self)
        return work(self, pipeline)

    monkeypatch.setattr(PredictRows, "run", note)
    said = run(dataset_main, *flags, "--out_dir", tmp_path / "out")
    assert said.status == 3
    assert said.out[-1].startswith("failed: Blank.txt: ") and "holds no words" in said.out[-1]
    assert [row["id"] for row in read_csv(tmp_path / "out" / "test_predictions.csv")] == [
        row["id"] for number, row in enumerate(rows) if number != 3
    ]
    assert len(done) == 5, "two slices were kept, two of Low Water and one of Blank were left"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"id": "t0"}, r"1 duplicate id\(s\): t0"),
        ({"content": " "}, "empty content in row 2 below the header"),
        ({"book_name": ""}, "empty book_name in row 2 below the header"),
    ],
)
def test_split_refuses_what_the_ordinary_reader_refuses(tmp_path: Path, change: dict[str, str], wanted: str) -> None:
    rows = [TEST[0], TEST[1] | change]
    for table in (write_csv(tmp_path / "t.csv", rows), as_parquet(tmp_path / "t.parquet", rows)):
        with pytest.raises(TableError, match=wanted):
            split_table(table, tmp_path / "rows")


def test_split_refuses_what_is_no_table(tmp_path: Path, asked: list[object]) -> None:
    for name, text in (
        ("t.parquet", "id"),
        ("t.csv", "id,book_name\n1,a\n"),
        ("u.csv", ""),
        ("v.csv", "id,a\n1,2,3\n"),
    ):
        (tmp_path / name).write_text(text)
        assert name in refused(dataset_main, *asked, "--test_csv", tmp_path / name, "--stream", "--out_dir", tmp_path)
    assert "--stream" in refused(dataset_main, *asked, "--submission", "--stream", "--out_dir", tmp_path)


def test_streamed_table_names_novels_and_no_files(asked: list[object], tmp_path: Path) -> None:
    (tmp_path / "Elsewhere.txt").write_text(TEXT, encoding="utf-8")
    table = write_csv(tmp_path / "test.csv", [{**TEST[0], "book_name": str(tmp_path / "Elsewhere.txt")}])
    said = refused(dataset_main, *asked, "--test_csv", table, "--out_dir", tmp_path / "out", "--stream")
    assert "no novel" in said
