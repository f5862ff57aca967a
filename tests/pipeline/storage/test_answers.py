"""Answers on disk: shared by processes, made again when damaged, never a pickle."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import diskcache
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import CacheError
from pipeline.storage.answers import AnswerCache, is_table, open_answers
from pipeline.storage.cache import ReadingCache

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
any_number = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def answers(tmp_path: Path) -> AnswerCache:
    """An empty cache of answers."""
    return AnswerCache(tmp_path / "answers")


def database(answers: AnswerCache) -> Path:
    (path,) = answers.folder.iterdir()
    return path


def change(answers: AnswerCache, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database(answers))) as connection, connection:
        connection.execute(statement, values)


@any_number
@given(value=JSON)
def test_answers_give_back_any_value_of_json(answers: AnswerCache, value: object) -> None:
    answers.store("k", value)
    assert answers.load("k") == value
    assert AnswerCache(answers.folder).load("k") == value


def test_answers_have_nothing_under_another_key(answers: AnswerCache) -> None:
    assert answers.load("k") is None and not answers.folder.exists(), "looking makes no folder"
    answers.store("k", [1])
    assert answers.load("other") is None


def test_answers_take_nothing_that_json_cannot_hold(answers: AnswerCache) -> None:
    with pytest.raises(TypeError):
        answers.store("k", {1, 2})
    assert answers.count() == 0


def test_answers_are_counted_and_cleared(answers: AnswerCache) -> None:
    assert (answers.count(), answers.clear()) == (0, 0)
    for key in ("a", "b", "a"):
        answers.store(key, [key] * 100_000)
    (answers.folder / "mine.txt").write_text("mine", encoding="utf-8")
    (answers.folder / "f00d.answer.json").write_text("{}", encoding="utf-8")
    assert (answers.count(), answers.clear()) == (2, 2)
    assert [path.name for path in answers.folder.iterdir()] == ["mine.txt"]
    answers.store("c", 1)
    assert answers.count() == 1


def test_answers_outlive_a_cache_that_was_cleared_by_another_process(answers: AnswerCache) -> None:
    answers.store("a", 1)
    assert AnswerCache(answers.folder).clear() == 1
    assert answers.load("a") is None
    answers.store("b", 2)
    assert AnswerCache(answers.folder).load("b") == 2


def test_answers_lie_in_the_folder_of_the_readings(tmp_path: Path) -> None:
    assert open_answers(ReadingCache(tmp_path)).folder == tmp_path / "answers"


@any_number
@given(data=st.data())
def test_answers_of_a_damaged_file_are_made_again(answers: AnswerCache, data: st.DataObject) -> None:
    answers.clear()
    answers.store("k", ["red"] * 50)
    path = database(answers)
    whole = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(whole) - 1))
    whole[start : start + 64] = data.draw(st.binary(min_size=64, max_size=64))
    path.write_bytes(whole[: data.draw(st.sampled_from([len(whole), start]))])
    later = AnswerCache(answers.folder)
    later.load("k")
    later.count()
    later.store("other", 1)
    assert later.load("other") == 1


@pytest.mark.parametrize("value", ['["red"', b"\x80\x04.", 7, None])
def test_damaged_answer_is_none_and_reported(
    value: object, answers: AnswerCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    answers.store("k", ["red"])
    change(answers, "UPDATE Cache SET value = ?", value)
    assert AnswerCache(answers.folder).load("k") is None
    assert "damaged" in caplog.text
    answers.store("k", ["red"])
    assert answers.load("k") == ["red"]


def test_pickle_in_the_file_is_never_loaded(answers: AnswerCache) -> None:
    answers.store("k", 1)
    change(answers, "UPDATE Cache SET mode = ?, value = ?", diskcache.core.MODE_PICKLE, b"cos\nabort\n(tR.")
    assert AnswerCache(answers.folder).load("k") is None


def test_name_of_a_file_in_the_file_is_never_followed(answers: AnswerCache, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"secret"', encoding="utf-8")
    answers.store("k", 1)
    change(answers, "UPDATE Cache SET mode = ?, filename = ?", diskcache.core.MODE_TEXT, "../secret")
    assert AnswerCache(answers.folder).load("k") is None


def test_folder_that_is_a_file_refuses_answers_and_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    answers = AnswerCache(tmp_path / "file" / "answers")
    assert answers.load("k") is None and answers.count() == 0
    with pytest.raises(CacheError, match=r"answers cannot be cached in .*--cache_dir") as caught:
        answers.store("k", 1)
    assert "\n" not in str(caught.value)


def test_answers_are_read_where_the_folder_takes_no_files(
    answers: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.store("k", ["red"])

    class ReadOnly(diskcache.Cache):  # type: ignore[misc]
        def __init__(self, folder: str, **settings: object) -> None:
            with closing(sqlite3.connect(f"file:{folder}/cache.db?mode=ro", uri=True)) as connection:
                connection.execute("DELETE FROM Cache")

    monkeypatch.setattr(diskcache, "Cache", ReadOnly)
    later = AnswerCache(answers.folder)
    assert later.load("k") == ["red"] and later.load("other") is None and later.count() == 1
    with pytest.raises(CacheError, match="readonly"):
        later.store("k", ["blue"])
    assert later.load("k") == ["red"], "a file that is whole is not removed"


@pytest.mark.parametrize(
    ("stored", "fits"),
    [
        ([[1, 2.5], [0.0, -1]], True),
        ([[1, 2.5]], False),
        ([[1, 2.5], [0.0]], False),
        ([[1, 2.5], [0.0, "1"]], False),
        ([[1, 2.5], None], False),
        ({"a": 1, "b": 2}, False),
        (None, False),
    ],
)
def test_table_is_rows_of_numbers(stored: object, fits: bool) -> None:
    assert is_table(stored, rows=2, columns=2) is fits
    assert is_table([], rows=0, columns=2)


def _store_many(folder: Path, process: int) -> None:
    for number in range(20):
        AnswerCache(folder).store(f"{process} {number}", [process, number])
        AnswerCache(folder).store("shared", "the same")


def test_processes_share_the_answers(answers: AnswerCache) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_store_many, args=(answers.folder, process)) for process in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert answers.count() == 61
    assert all(answers.load(f"{process} {number}") == [process, number] for process in range(3) for number in range(20))
