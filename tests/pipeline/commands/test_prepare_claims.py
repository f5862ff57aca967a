"""``python -m pipeline prepare-claims`` on a little story: prepared, interrupted, prepared again, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.commands import prepare_novel
from pipeline.judging.sentence_encoder import SentenceEncoder
from pipeline.training.example_files import read_examples
from pipeline.training.judge_program import read_books
from pipeline.training.plain_claims import PlainConfig, PlainSource
from tests.pipeline.command_line import contents, refused, run
from tests.pipeline.little_story import TEXT

FACTS = (
    ("Anna Reed", "She named her boat the Patience.", "She named her boat the Plover.", "was called the\nPatience."),
    ("Dr Moss", "He came from the city in 1871.", "He came from the city in 1891.", "come from the city in 1871."),
    ("Tom Hale", "He found it in a trap.", "He found it in a boat.", "found the letter three days later"),
)
OPEN = ("Nobody Atall", "He had learned Greek at school.")
OTHER = "Old Dimsdale had sold the mill to Hester. In the spring young Tobias Gale had seen Agnes. " * 3


def plain_claims(book: str, *facts: tuple[str, str, str, str]) -> dict[str, Any]:
    names = ("character", "supported", "contradicted")
    return {
        "book": book,
        "facts": [
            {"id": f"{book}-{number}", **dict(zip(names, fact[:3], strict=True)), "evidence": [fact[3]]}
            | {"type": "event", "difficulty": "direct"}
            for number, fact in enumerate(facts)
        ],
        "not_stated": [{"id": f"{book}-n", "character": OPEN[0], "claim": OPEN[1]}],
    }


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Return a folder with two novels, claims about both, and a novel of a pool."""
    for folder in ("novels", "claims", "pool"):
        (tmp_path / folder).mkdir()
    (tmp_path / "novels" / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "novels" / "High Water.txt").write_text(TEXT.replace("Anna", "Ada"), encoding="utf-8")
    (tmp_path / "pool" / "The Mill.txt").write_text(OTHER, encoding="utf-8")
    for book, facts in (("Low Water", FACTS), ("High Water", FACTS[1:])):
        text = json.dumps(plain_claims(book, *facts))
        (tmp_path / "claims" / f"{book}.json").write_text(text, encoding="utf-8")
    return tmp_path


def words(inputs: Path, ranker: object = "none", out: str = "out") -> list[object]:
    places = ["--claims", inputs / "claims", "--novels", inputs / "novels", "--out_dir", inputs / out]
    return ["prepare-claims", *places, "--ranker", ranker, "--state_weight", 0, "--device", "cpu", "--dtype", "fp32"]


def rows_in(path: Path) -> dict[str, dict[str, Any]]:
    (book,) = read_examples(path)
    return {row["id"]: row for row in book["rows"]}


def test_training_reads_the_prepared_claims(inputs: Path) -> None:
    said = run(main, *words(inputs))
    assert said.status == 0 and said.out[0] == "2 novels, 12 claims"
    assert said.out[1] == "supported: evidence in 1.000 of the 40 windows, in 1.000 of the first 10"
    books = read_books([inputs / "out"])
    assert [(book.title, len(book.rows), len(book.settled)) for book in books] == [
        ("High Water", 5, 4),
        ("Low Water", 7, 6),
    ]
    assert PlainSource(books, [], PlainConfig()).draw("1", 4)
    for book in books:
        dated = [row for row in book.settled if "18" in row.text]
        assert len(dated) == 2
        assert all("1871" in " ".join(book.sentences[one] for one in row.gold) for row in dated)


def test_windows_are_those_of_the_passages_with_the_best_first(inputs: Path) -> None:
    assert run(main, *words(inputs), "--near", 3).status == 0
    (book,) = read_examples(inputs / "out" / "Low Water.examples.xz")
    for row in book["rows"]:
        assert len(set(row["near"])) == 3
        windows = {number - before for number in row["near"] for before in (0, 1)} - {-1}
        assert all(book["sentences"][number] for number in windows)
    true = rows_in(inputs / "out" / "Low Water.examples.xz")["Low Water-1-true"]
    assert true["near"][0] == true["gold"][0]
    assert (true["character"], true["type"], true["difficulty"]) == ("Dr Moss", "event", "direct")


def test_finder_of_the_judge_chooses_windows(
    inputs: Path, stand_in_judge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    encode = SentenceEncoder.encode
    monkeypatch.setattr(SentenceEncoder, "encode", lambda self, own: texts.extend(own) or encode(self, own))
    assert run(main, *words(inputs, stand_in_judge, "found"), "--near", 5).status == 0
    assert texts.count("He slept badly.") == 2, "once for each novel"
    del texts[:]
    assert run(main, *words(inputs, stand_in_judge, "again"), "--near", 5).status == 0
    assert "He slept badly." not in texts, "the vectors of sentences are cached"
    assert contents(inputs / "found") == contents(inputs / "again")
    assert run(main, *words(inputs, out="by words"), "--near", 5).status == 0
    found, by_words = (rows_in(inputs / out / "Low Water.examples.xz") for out in ("found", "by words"))
    assert any(found[key]["near"] != row["near"] for key, row in by_words.items())
    assert all(found[key]["gold"] == row["gold"] for key, row in by_words.items())


def test_interrupted_run_goes_on(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(main, *words(inputs, out="whole")).status == 0
    prepare, done = prepare_novel.prepare_rows, list[str]()

    def breaking_off(book: Any, title: str, *rest: Any, **more: Any) -> dict[str, Any]:
        if len(done) == 1:
            done.append("interrupted")
            raise KeyboardInterrupt
        done.append(title)
        return prepare(book, title, *rest, **more)

    monkeypatch.setattr(prepare_novel, "prepare_rows", breaking_off)
    assert run(main, *words(inputs)).status == 130
    assert len(list((inputs / "out").iterdir())) == 1
    assert run(main, *words(inputs)).status == 0
    assert done == ["High Water", "interrupted", "Low Water"], "no novel is prepared twice"
    assert contents(inputs / "out") == contents(inputs / "whole")


@pytest.mark.parametrize("change", ["setting", "alias", "claims", "novel", "aliases", "damage"])
def test_what_depends_on_a_change_is_prepared_again(inputs: Path, change: str) -> None:
    assert run(main, *words(inputs)).status == 0
    path, before = inputs / "out" / "Low Water.examples.xz", contents(inputs / "out")
    more: list[object] = []
    if change == "setting":
        more = ["--near", 7]
    elif change == "alias":
        more = ["--alias", "Ferrywoman=Anna Reed"]
    elif change == "claims":
        text = (inputs / "claims" / "Low Water.json").read_text(encoding="utf-8").replace("Plover", "Petrel")
        (inputs / "claims" / "Low Water.json").write_text(text, encoding="utf-8")
    elif change == "novel":
        (inputs / "novels" / "Low Water.txt").write_text(TEXT + "\nIt snowed.\n", encoding="utf-8")
    elif change == "aliases":
        (inputs / "novels" / "Low Water.aliases").write_text("Ferrywoman = Anna Reed\n", encoding="utf-8")
    else:
        path.write_bytes(path.read_bytes()[:-20])
    assert run(main, *words(inputs), *more).status == 0
    after = contents(inputs / "out")
    assert (after == before) == (change == "damage")
    assert (after["High Water.examples.xz"] == before["High Water.examples.xz"]) == (change not in {"setting", "alias"})


def test_facts_without_their_evidence_are_left_out_with_a_notice(inputs: Path) -> None:
    lost = ("Anna Reed", "She sang.", "She wept.", "Anna Reed sang all day")
    text = json.dumps(plain_claims("Low Water", FACTS[0], lost))
    (inputs / "claims" / "Low Water.json").write_text(text, encoding="utf-8")
    said = run(main, *words(inputs))
    assert said.status == 0
    (notice,) = (line for line in said.err if line.startswith("note:"))
    assert notice.endswith("are left out: Low Water-1-true, Low Water-1-false")
    left = {"Low Water-0-true", "Low Water-0-false", "Low Water-n"}
    assert set(rows_in(inputs / "out" / "Low Water.examples.xz")) == left


def test_novels_held_out_are_not_prepared(inputs: Path) -> None:
    (inputs / "held_out.txt").write_text("\nHigh Water\n", encoding="utf-8")
    held_out = ["--held_out", inputs / "held_out.txt"]
    (inputs / "pool" / "High Water.txt").write_text(OTHER, encoding="utf-8")
    assert run(main, *words(inputs), *held_out, "--pool", inputs / "pool").status == 0
    assert set(contents(inputs / "out")) == {"Low Water.examples.xz", "pool/The Mill.examples.xz"}
    (inputs / "held_out.txt").write_text("Hihg Water\n", encoding="utf-8")
    assert "names 'Hihg Water'" in refused(main, *words(inputs), *held_out)
    (inputs / "held_out.txt").unlink()
    assert "cannot be read" in refused(main, *words(inputs), *held_out)


def test_novels_of_other_runs_in_the_folder_are_an_error(inputs: Path) -> None:
    assert run(main, *words(inputs)).status == 0
    (inputs / "held_out.txt").write_text("High Water", encoding="utf-8")
    line = refused(main, *words(inputs), "--held_out", inputs / "held_out.txt")
    assert "High Water.examples.xz is of a novel that is not prepared now" in line


def test_pool_has_statements_of_its_novels_without_labels(inputs: Path) -> None:
    pool = ["--pool", inputs / "pool"]
    assert run(main, *words(inputs), *pool, "--own_statements", 6).status == 0
    (book,) = read_books([inputs / "out" / "pool"])
    assert book.settled == [] and {row.label for row in book.rows} == {"not_stated"}
    assert all(row.near and all(book.sentences[number] for number in row.near) for row in book.rows)
    assert any(row.text == "Old Dimsdale had sold the mill to Hester." for row in book.rows)
    table = inputs / "statements.csv"
    table.write_text("id,book_name,char,content\n1,The Mill,Agnes,She owned a mill.\n", encoding="utf-8")
    assert run(main, *words(inputs), *pool, "--statements", table).status == 0
    (book,) = read_books([inputs / "out" / "pool"])
    assert book.rows[0].text == "She owned a mill."


def test_missing_inputs_are_named(inputs: Path, stand_in_judge: Path) -> None:
    assert "no novel 'High Water'" in refused(main, *words(inputs), "--novels", inputs / "pool")
    assert "finder cannot be loaded" in refused(main, *words(inputs, inputs / "claims"))
    assert "--statements is given without --pool" in refused(main, *words(inputs), "--statements", "x.csv")
    assert "near is 41" in refused(main, *words(inputs), "--near", 41)
    assert "expected files of data/plain_claims" in refused(main, *words(inputs), "--claims", inputs / "novels")
