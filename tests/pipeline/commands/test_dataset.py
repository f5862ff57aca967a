"""``run_dataset.py``: tables in, predictions and honest figures out, with the stand-in for the models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from benchmarks.little_reader import save_quick_reader
from pipeline.cli import dataset_main
from pipeline.report.resources import read_schema
from tests.pipeline.command_line import Said, contents, refused, run

ROOT = Path(__file__).resolve().parents[3]
SCHEMA_OF = {
    "train_evidence.json": "evidence",
    "test_evidence.json": "evidence",
    "train_metrics.json": "metrics",
    "manifest.json": "manifest",
    "Low Water.chunks.json": "chunks",
    "Low Water.states.json": "states",
    "Low Water.characters.json": "characters",
}
COLUMNS = ["id", "book_name", "char", "caption", "content", "label"]
STATEMENTS = (
    "Anna Reed kept the ferry at Low Water.",
    "Her father drowned in the March flood.",
    "She called her boat the Patience.",
    "She opened the letter of the doctor.",
    "She had sold the ferry before the flood.",
    "She was born in the city in 1871.",
    "Tom Hale found the letter in an eel trap.",
    "Anna Reed dried the letter on the stove.",
)
TRAIN = [
    {"id": str(n), "book_name": "low_water", "char": "Anna Reed", "caption": "", "content": text, "label": label}
    for n, (text, label) in enumerate(
        zip(STATEMENTS, ["consistent", "1", "1", "contradict", "0", "inconsistent", "1", "0"], strict=True)
    )
]
TEST = [
    {"id": "t1", "book_name": "Low Water", "char": "Dr Moss", "caption": "", "content": "His watch had stopped."},
    {"id": "t2", "book_name": "Low Water", "char": "", "caption": "", "content": "The boat held a cow."},
    {"id": "t3", "book_name": "LOW WATER", "char": "Captain Ahab", "caption": "", "content": "He lost a leg."},
    {"id": "0", "book_name": "Low Water", "char": "Anna Reed", "caption": "", "content": "She could not row."},
]
Rows = list[dict[str, str]]
Write = Callable[[str, Rows], Path]


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [name for name in COLUMNS if name in rows[0]])
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return ``write(name, rows)``, which gives the path of a table."""
    return lambda name, rows: write_csv(tmp_path / name, rows)


@pytest.fixture(scope="module")
def asked(stand_in_reader: Path, shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The flags of a good run, but for its tables and its output."""
    machine = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    folds = ["--folds", "2", "--repeats", "2", "--cache_dir", str(tmp_path_factory.mktemp("cache"))]
    return [*machine, *folds, "--novels_dir", str(shelf)]


@pytest.fixture(scope="module")
def good(asked: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    """A good run, into a folder that held something before."""
    folder, out = tmp_path_factory.mktemp("tables"), tmp_path_factory.mktemp("good")
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    tables = ["--train_csv", write_csv(folder / "train.csv", TRAIN), "--test_csv", write_csv(folder / "test.csv", TEST)]
    return run(dataset_main, *asked, *tables, "--out_dir", out), out


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def predictions(out: Path) -> list[dict[str, str]]:
    text = (out / "test_predictions.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_dataset_exits_0_and_writes_every_file(good: tuple[Said, Path]) -> None:
    said, out = good
    assert said.status == 0
    assert {path.name for path in out.iterdir()} == {
        *SCHEMA_OF,
        "test_predictions.csv",
        "predictions_out_of_fold.csv",
        "index.html",
        "rows",
        "mine.txt",
    }
    assert all(str(out / name) in said.out for name in [*SCHEMA_OF, "test_predictions.csv"])


def test_index_and_the_page_of_each_row_are_in_the_manifest(good: tuple[Said, Path]) -> None:
    said, out = good
    files = [file["name"] for file in load(out / "manifest.json")["files"]]
    pages = [f"rows/train-{row['id']}.html" for row in TRAIN] + [f"rows/test-{row['id']}.html" for row in TEST]
    assert "index.html" in files and [name for name in files if name.startswith("rows/")] == pages
    assert all((out / name).is_file() for name in files)
    assert said.out[-1] == f"index: {out / 'index.html'}"
    assert not [line for line in said.out if "rows" in Path(line).parts]


@pytest.mark.parametrize("name", SCHEMA_OF)
def test_artefact_satisfies_its_schema(good: tuple[Said, Path], name: str) -> None:
    Draft202012Validator(read_schema(SCHEMA_OF[name])).validate(load(good[1] / name))


def test_predictions_have_their_columns_and_rows(good: tuple[Said, Path]) -> None:
    rows = predictions(good[1])
    assert list(rows[0]) == ["id", "label", "probability", "rationale"]
    assert [row["id"] for row in rows] == [row["id"] for row in TEST]
    for row in rows:
        assert row["label"] in {"consistent", "inconsistent"}
        assert 0 <= float(row["probability"]) <= 1
        assert "“" in row["rationale"], "a rationale quotes the book"


def test_metrics_come_with_size_intervals_and_baselines(good: tuple[Said, Path]) -> None:
    metrics = load(good[1] / "train_metrics.json")
    assert (metrics["rows"], metrics["consistent"], metrics["folds"], metrics["repeats"]) == (8, 4, 2, 2)
    assert set(metrics["baselines"]) == {"majority", "claim_only", "lexical_only", "character_majority"}
    for name in ("accuracy", "balanced_accuracy", "auc", "contradict_precision", "contradict_recall"):
        assert set(metrics["figures"][name]) == {"value", "low", "high"}
    assert metrics["interval"].startswith("95 %")


def test_metrics_have_calibration_compared_with_the_base_rate_and_every_character(good: tuple[Said, Path]) -> None:
    said, out = good
    metrics = load(out / "train_metrics.json")
    assert set(metrics["calibration"]) == {"brier", "log_loss", "ece"}
    brier = metrics["calibration"]["brier"]
    assert brier["difference"]["value"] == pytest.approx(brier["ours"]["value"] - brier["base_rate"]["value"])
    counted = {name: (own["rows"], own["inconsistent"]) for name, own in metrics["characters"].items()}
    assert counted == {"Anna Reed, Low Water": (8, 4)}
    assert any("of the base rate: brier" in line for line in said.out)
    assert any(line.startswith("  Anna Reed, Low Water (8 rows, 4 inconsistent): accuracy") for line in said.out)


def test_predictions_out_of_fold_agree_with_the_evidence(good: tuple[Said, Path]) -> None:
    out = good[1]
    rows = list(csv.DictReader(io.StringIO((out / "predictions_out_of_fold.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["id", "label", "probability", "decision", "spread"]
    evidence = load(out / "train_evidence.json")
    assert [row["id"] for row in rows] == [row["id"] for row in TRAIN]
    for row in rows:
        known = evidence[row["id"]]
        assert (row["label"], row["decision"]) == (known["given_label"], known["label"])
        assert float(row["probability"]) == pytest.approx(known["probability"], abs=1e-4)
        assert 0 <= float(row["spread"]) <= 0.5


def test_submission_is_the_hackathons_table_of_the_same_predictions(
    good: tuple[Said, Path], asked: list[str], write: Write, tmp_path: Path
) -> None:
    tables = ["--train_csv", write("train.csv", TRAIN), "--test_csv", write("test.csv", TEST)]
    assert run(dataset_main, *asked, *tables, "--submission", "--out_dir", tmp_path / "out").status == 0
    text = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["Story ID", "Prediction", "Rationale"]
    said = {row["id"]: (str(int(row["label"] == "consistent")), row["rationale"]) for row in predictions(good[1])}
    assert {row["Story ID"]: (row["Prediction"], row["Rationale"]) for row in rows} == said


def test_metrics_are_printed_with_their_baselines(good: tuple[Said, Path]) -> None:
    said = "\n".join(good[0].out)
    for name in ("ours", "majority", "claim_only", "lexical_only"):
        assert f"  {name}: accuracy " in said


def test_rows_without_a_known_character_get_a_notice(good: tuple[Said, Path]) -> None:
    said, out = good
    evidence = load(out / "test_evidence.json")
    assert [evidence[row]["character_found"] for row in ("t1", "t2", "t3")] == [True, False, False]
    assert "names no character" in evidence["t2"]["notices"][0]
    assert "'Captain Ahab' is found nowhere" in evidence["t3"]["notices"][0]
    assert any(line.startswith("note: row t3: 'Captain Ahab'") for line in said.out)


def test_id_in_both_tables_is_printed_and_means_two_rows(good: tuple[Said, Path]) -> None:
    said, out = good
    assert any("1 ids are in both tables" in line for line in said.out)
    train, test = (load(out / f"{name}_evidence.json")["0"] for name in ("train", "test"))
    assert (train["given_label"], test["given_label"]) == ("consistent", None)
    assert "ferry" in train["claims"][0]["text"] and "row" in test["claims"][0]["text"]


def test_training_evidence_gives_out_of_fold_probabilities(good: tuple[Said, Path]) -> None:
    evidence = load(good[1] / "train_evidence.json")
    assert {row["aggregation"]["probability_from"] for row in evidence.values()} == {
        "out of fold, mean over the repeats"
    }
    given = ["inconsistent" if row["label"] in {"contradict", "0", "inconsistent"} else "consistent" for row in TRAIN]
    assert [row["given_label"] for row in evidence.values()] == given


def test_states_hold_every_character_of_the_rows(good: tuple[Said, Path]) -> None:
    states = load(good[1] / "Low Water.states.json")
    assert set(states[0]["bdh_char_state"]) == {"Anna Reed", "Dr Moss"}
    assert {"Anna Reed", "Dr Moss"} <= {person["name"] for person in load(good[1] / "Low Water.characters.json")}


def test_second_run_writes_the_same_bytes(
    good: tuple[Said, Path], asked: list[str], write: Write, tmp_path: Path
) -> None:
    tables = ["--train_csv", write("train.csv", TRAIN), "--test-csv", write("test.csv", TEST)]
    assert run(dataset_main, *asked, *tables, "--out_dir", tmp_path / "out").status == 0
    assert {**contents(tmp_path / "out"), "mine.txt": b"mine"} == contents(good[1])


@pytest.mark.parametrize("labels", [["consistent"] * 4, ["0", "1", "0", "1"], ["nonsense", "", "?", "1"]])
def test_labels_of_the_test_table_are_never_used(
    good: tuple[Said, Path], asked: list[str], write: Write, tmp_path: Path, labels: list[str]
) -> None:
    leaking = [{**row, "label": label} for row, label in zip(TEST, labels, strict=True)]
    tables = ["--train_csv", write("train.csv", TRAIN), "--test_csv", write("test.csv", leaking)]
    assert run(dataset_main, *asked, *tables, "--out_dir", tmp_path / "out").status == 0
    assert contents(tmp_path / "out")["test_predictions.csv"] == contents(good[1])["test_predictions.csv"]


def test_labels_of_the_training_table_are_what_is_learned(
    good: tuple[Said, Path], asked: list[str], write: Write, tmp_path: Path
) -> None:
    turned: Mapping[str, str] = {"consistent": "0", "1": "0", "contradict": "1", "0": "1", "inconsistent": "1"}
    flipped = [{**row, "label": turned[row["label"]]} for row in TRAIN]
    tables = ["--train_csv", write("train.csv", flipped), "--test_csv", write("test.csv", TEST)]
    assert run(dataset_main, *asked, *tables, "--out_dir", tmp_path / "out").status == 0
    before, after = predictions(good[1]), predictions(tmp_path / "out")
    for one, other in zip(before, after, strict=True):
        assert float(one["probability"]) == pytest.approx(1 - float(other["probability"]), abs=2e-3)


def changed(rows: Rows, number: int, **cells: str) -> Rows:
    return [{**row, **cells} if place == number else row for place, row in enumerate(rows)]


WRONG: dict[str, tuple[Rows, Rows, str, str]] = {
    "no column of labels": ([{k: v for k, v in row.items() if k != "label"} for row in TRAIN], TEST, "", "label"),
    "no column of books": (
        TRAIN,
        [{k: v for k, v in row.items() if k != "book_name"} for row in TEST],
        "",
        "book_name",
    ),
    "id twice in a table": (changed(TRAIN, 3, id="1"), TEST, "", "duplicate id"),
    "unknown label": (changed(TRAIN, 3, label="maybe"), TEST, "", "'maybe'"),
    "unknown book": (TRAIN, changed(TEST, 1, book_name="Moby-Dick"), "", "Moby-Dick"),
    "row without a claim": (TRAIN, changed(TEST, 1, content="..."), "", "row t2"),
    "one label only": ([{**row, "label": "1"} for row in TRAIN], TEST, "", "one label"),
    "more folds than rows": (TRAIN, TEST, "--folds 5", "folds"),
    "one fold": (TRAIN, TEST, "--folds 1", "folds"),
    "no repeat": (TRAIN, TEST, "--repeats 0", "repeats is 0"),
    "missing training table": (TRAIN, TEST, "--train_csv nowhere.csv", "nowhere.csv"),
    "missing novels folder": (TRAIN, TEST, "--novels_dir nowhere", "does not exist"),
    "missing reader": (TRAIN, TEST, "--model_dir nowhere", "expected a folder with a trained model"),
    "overlap as large as a chunk": (TRAIN, TEST, "--overlap 6", "smaller than n_sent_per_chunk"),
    "unknown flag": (TRAIN, TEST, "--nonsense", "see run_dataset.py --help"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_error_and_loses_no_file(asked: list[str], write: Write, tmp_path: Path, case: str) -> None:
    train, test, flags, wanted = WRONG[case]
    out = tmp_path / "out"
    out.mkdir()
    (out / "test_predictions.csv").write_text("old", encoding="utf-8")
    tables = ["--train_csv", write("train.csv", train), "--test_csv", write("test.csv", test)]
    assert wanted in refused(dataset_main, *asked, *tables, "--out_dir", out, *flags.split())
    assert contents(out) == {"test_predictions.csv": b"old"}


def test_output_folder_that_is_a_file_is_an_error(asked: list[str], write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    tables = ["--train_csv", write("train.csv", TRAIN), "--test_csv", write("test.csv", TEST)]
    assert "--out_dir" in refused(dataset_main, *asked, *tables, "--out_dir", tmp_path / "file" / "out")


def test_binary_table_is_an_error(asked: list[str], write: Write, tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\0\1")
    tables = ["--train_csv", tmp_path / "binary.csv", "--test_csv", write("test.csv", TEST)]
    assert "binary" in refused(dataset_main, *asked, *tables, "--out_dir", tmp_path / "out")


@pytest.mark.slow
def test_dataset_runs_on_the_bundled_tables(asked: list[str], tmp_path: Path) -> None:
    examples = ROOT / "examples"
    tables = ["--train_csv", examples / "train.csv", "--test_csv", examples / "test.csv"]
    story = (ROOT / "novels" / "The Unlit Hour.txt").read_text(encoding="utf-8")
    short = ["--folds", 3, "--repeats", 1, "--top_k", 5, "--model_dir", save_quick_reader(tmp_path / "reader", story)]
    said = run(dataset_main, *asked, *tables, "--novels_dir", ROOT / "novels", *short, "--out_dir", tmp_path / "out")
    assert said.status == 0
    assert len(predictions(tmp_path / "out")) == 8
    assert load(tmp_path / "out" / "train_metrics.json")["rows"] == 30
    assert not any(line.startswith("note: row") for line in said.out), "everybody in the tables is in the story"
