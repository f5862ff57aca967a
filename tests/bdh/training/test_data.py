"""Batches of text: content, order, and resuming from a position."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh.errors import DataError
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import Batch, Batches, DocumentStreams, RandomWindows, Tokens, encode_documents, read_texts


def _documents(lengths: Sequence[int]) -> list[Tokens]:
    """Return documents in which every token encodes its document and position."""
    return [np.arange(length, dtype=np.int32) + 1000 * number for number, length in enumerate(lengths)]


def _places(batch: Batch) -> list[tuple[int, int, bool]]:
    """Return document, offset and freshness of each row, after checking that the row is consecutive text."""
    table = torch.cat([batch.tokens, batch.targets[:, -1:]], dim=1)
    assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1])
    assert bool((table.diff(dim=1) == 1).all())
    starts = table[:, 0].tolist()
    return [(start // 1000, start % 1000, bool(f)) for start, f in zip(starts, batch.fresh.tolist(), strict=True)]


lengths_of_documents = st.lists(st.integers(2, 60), min_size=1, max_size=7).filter(lambda sizes: max(sizes) > 9)


@given(lengths=lengths_of_documents, rows=st.integers(1, 4), seq_len=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=50)
def test_rows_read_documents_from_beginning_to_end(lengths: list[int], rows: int, seq_len: int, seed: int) -> None:
    streams = DocumentStreams(_documents(lengths), batch_size=rows, seq_len=seq_len, seed=seed)
    history = [_places(streams.next()) for _ in range(25)]
    for row in range(rows):
        for (document, offset, _), (following, place, fresh) in pairwise([places[row] for places in history]):
            if place:
                assert (following, place) == (document, offset + seq_len)
            else:
                # A new document begins only when what is left of the old one is shorter than a segment.
                assert offset + 2 * seq_len + 1 > lengths[document]
            assert fresh == (place == 0)


@given(lengths=st.lists(st.integers(10, 40), min_size=2, max_size=6), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_every_document_is_assigned_once_per_epoch(lengths: list[int], seed: int) -> None:
    streams = DocumentStreams(_documents(lengths), batch_size=1, seq_len=9, seed=seed)
    dealt = [_places(streams.next())[0][0]]
    while len(dealt) < 3 * len(lengths):
        document, offset, _ = _places(streams.next())[0]
        if offset == 0:
            dealt.append(document)
    for epoch in range(3):
        assert sorted(dealt[epoch * len(lengths) : (epoch + 1) * len(lengths)]) == list(range(len(lengths)))


@given(count=st.integers(2, 9), world=st.integers(2, 3), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_processes_read_disjoint_documents_in_an_epoch(count: int, world: int, seed: int) -> None:
    documents, read = _documents([40] * count), []
    for rank in range(min(world, count)):
        streams = DocumentStreams(documents, batch_size=1, seq_len=9, seed=seed, rank=rank, world=world)
        share = len(range(rank, count, world))
        seen = [_places(streams.next())[0][0]]
        while len(seen) < share:
            document, offset, _ = _places(streams.next())[0]
            if offset == 0:
                seen.append(document)
        read.append(seen)
    together = [document for seen in read for document in seen]
    assert sorted(together) == list(range(count))


def test_rows_are_reset_with_the_given_probability() -> None:
    streams = DocumentStreams(_documents([900] * 4), batch_size=4, seq_len=3, seed=1, reset_probability=0.25)
    fresh = [batch.fresh for batch in (streams.next() for _ in range(200))]
    for share in torch.stack(fresh).float().mean(dim=0).tolist():
        assert abs(share - 0.25) < 0.1


def _batches(kind: str, lengths: Sequence[int] = (50, 33, 41), **changes: Any) -> Batches:
    settings_: dict[str, Any] = {"batch_size": 2, "seq_len": 8, "seed": 3, **changes}
    if kind == "windows":
        return RandomWindows(_documents(lengths), **settings_)
    return DocumentStreams(_documents(lengths), reset_probability=0.2, **settings_)


@pytest.mark.parametrize("kind", ["windows", "documents"])
@given(before=st.integers(0, 12))
@settings(max_examples=8)
def test_position_in_the_data_can_be_restored(kind: str, before: int) -> None:
    batches = _batches(kind)
    for _ in range(before):
        batches.next()
    place = json.loads(json.dumps(batches.state_dict()))
    expected = [batches.next() for _ in range(10)]
    again = _batches(kind)
    again.load_state_dict(place)
    for batch in expected:
        found = again.next()
        assert torch.equal(found.tokens, batch.tokens) and torch.equal(found.fresh, batch.fresh)


@pytest.mark.parametrize(
    ("saved", "asked"),
    [
        (_batches("documents"), _batches("windows")),
        (_batches("windows"), _batches("documents")),
        (_batches("documents"), _batches("documents", batch_size=3)),
        (_batches("documents", lengths=[50] * 9), _batches("documents", lengths=[50])),
        (_batches("documents", lengths=[900]), _batches("documents", lengths=[20])),
    ],
)
def test_position_in_other_data_is_refused(saved: Batches, asked: Batches) -> None:
    for _ in range(4):
        saved.next()
    with pytest.raises(DataError, match="saved position"):
        asked.load_state_dict(saved.state_dict())


@given(world=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_processes_share_the_windows_of_one(world: int, seed: int) -> None:
    shared: dict[str, Any] = {"seq_len": 7, "seed": seed}
    whole = RandomWindows(_documents([500]), batch_size=12, **shared)
    parts = [
        RandomWindows(_documents([500]), batch_size=12 // world, rank=r, world=world, **shared) for r in range(world)
    ]
    for _ in range(3):
        joined = torch.cat([part.next().tokens for part in parts])
        assert torch.equal(joined, whole.next().tokens[: len(joined)])


def test_windows_reach_both_ends_of_the_text() -> None:
    windows = RandomWindows(_documents([12]), batch_size=64, seq_len=10, seed=0)
    batch = windows.next()
    assert {offset for _, offset, _ in _places(batch)} <= {0, 1} and bool(batch.fresh.all())
    assert int(batch.targets.max()) in (10, 11)


@pytest.mark.parametrize("kind", ["windows", "documents"])
def test_text_shorter_than_a_segment_is_an_error(kind: str) -> None:
    with pytest.raises(DataError, match="seq_len"):
        _batches(kind, lengths=[8])


def test_texts_of_a_folder_are_in_order_of_name(tmp_path: Path) -> None:
    for name, text in (("b.txt", "second"), ("a.txt", "\ufefffirst"), ("c.md", "not me")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_texts(tmp_path) == ["first", "second"]
    assert read_texts(tmp_path / "b.txt") == ["second"]


def test_text_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    for path, word in ((tmp_path / "latin.txt", "UTF-8"), (tmp_path / "none.txt", "none.txt")):
        with pytest.raises(DataError, match=word):
            read_texts(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.txt file"):
        read_texts(tmp_path / "empty")


def test_empty_texts_are_skipped_and_no_text_is_an_error() -> None:
    assert [document.tolist() for document in encode_documents(["", "ab", "c"], ByteTokenizer())] == [[97, 98]]
    with pytest.raises(DataError, match="empty"):
        encode_documents(["", "x"], ByteTokenizer())
