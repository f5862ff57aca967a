"""Claims and chunks to ranked evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import RetrievalConfig
from pipeline.errors import NovelError
from pipeline.language.stems import stems
from pipeline.records import Claim, Evidence
from pipeline.retrieval.fusion import NO_DISTANCE, retrieve
from pipeline.retrieval.index import LexicalIndex
from pipeline.states import Vector

CHUNKS = (
    "Ann kept the lighthouse and counted the ships.",
    "The baker sold seven loaves to the miller.",
    "Ann broke her left arm on the stairs of the lighthouse.",
    "Rain fell on the harbour all night.",
)
ONE_HOT = np.eye(4, dtype=np.float32)


def claim(text: str, *, number: int = 1) -> Claim:
    return Claim(f"c{number}", "Ann", "event", "unspecified", "unspecified", text)


def ranked(
    text: str,
    *,
    chunks: tuple[str, ...] = CHUNKS,
    content: Vector | None = None,
    vector: Vector | None = None,
    present: tuple[int, ...] = (),
    config: RetrievalConfig | None = None,
) -> list[int]:
    found = retrieve(
        [claim(text)],
        index=LexicalIndex(chunks),
        content_vectors=content,
        claim_vectors=vector,
        present=present,
        config=config or RetrievalConfig(),
    )
    return [evidence.chunk_index for evidence in found["c1"]]


def test_index_analyses_like_the_module() -> None:
    assert LexicalIndex(CHUNKS).stems("The Lighthouses") == stems("The Lighthouses")


def test_index_refuses_an_empty_novel() -> None:
    with pytest.raises(NovelError, match="no chunk"):
        LexicalIndex(())


def test_index_weighs_rare_stems_more_than_common_ones() -> None:
    index = LexicalIndex(CHUNKS)
    assert index.weight("dragon") > index.weight("baker") > index.weight("ann") > 0


def test_index_scores_nothing_for_unknown_words() -> None:
    assert not LexicalIndex(CHUNKS).scores("dragons of the").any()


def test_retrieve_puts_the_chunk_with_the_shared_words_first() -> None:
    assert ranked("She broke an arm on the lighthouse stairs")[0] == 2


def test_retrieve_returns_all_chunks_of_a_short_novel_and_top_k_of_a_long_one() -> None:
    assert sorted(ranked("Ann")) == [0, 1, 2, 3]
    assert len(ranked("Ann", config=RetrievalConfig(top_k=3))) == 3


def test_retrieve_returns_as_many_as_asked_for_in_the_same_order() -> None:
    index, config = LexicalIndex(CHUNKS), RetrievalConfig(top_k=2)
    found = {
        most: retrieve(
            [claim("Ann broke her arm")],
            index=index,
            content_vectors=None,
            claim_vectors=None,
            present=(),
            config=config,
            most=most,
        )["c1"]
        for most in (None, 1, 3, 9)
    }
    assert {most: len(evidence) for most, evidence in found.items()} == {None: 2, 1: 1, 3: 3, 9: 4}
    assert all(evidence == found[9][: len(evidence)] for evidence in found.values())


def test_retrieve_breaks_ties_by_chunk_index() -> None:
    assert ranked("dragons") == [0, 1, 2, 3]
    assert ranked("dragons", chunks=("same words", "same words", "same words")) == [0, 1, 2]


def test_retrieve_without_known_words_follows_state_distance() -> None:
    assert ranked("dragons", content=ONE_HOT, vector=ONE_HOT[3:])[0] == 3


def test_retrieve_without_known_words_or_vectors_prefers_the_characters_chunks() -> None:
    assert ranked("dragons", present=(2, 3)) == [2, 3, 0, 1]


def test_retrieve_lets_the_state_weight_decide() -> None:
    text, chosen = "She broke an arm on the lighthouse stairs", ONE_HOT[1:2]
    by_words = ranked(text, content=ONE_HOT, vector=chosen, config=RetrievalConfig(state_weight=0))
    by_state = ranked(text, content=ONE_HOT, vector=chosen, config=RetrievalConfig(state_weight=1))
    assert (by_words[0], by_state[0]) == (2, 1)


def test_retrieve_takes_the_common_direction_off_the_vectors() -> None:
    common = np.full((1, 4), 100, dtype=np.float32)
    assert ranked("dragons", content=ONE_HOT + common, vector=ONE_HOT[2:3] + common)[0] == 2


def test_retrieve_reports_what_each_rank_is_made_of() -> None:
    found = retrieve(
        [claim("The baker")],
        index=LexicalIndex(CHUNKS),
        content_vectors=ONE_HOT,
        claim_vectors=ONE_HOT[1:2],
        present=[1],
        config=RetrievalConfig(top_k=2, state_weight=0.2, fusion_k=60),
    )["c1"]
    assert [e.rank for e in found] == [1, 2]
    assert (found[0].lexical_rank, found[0].character_present) == (1, True)
    assert found[0].lexical_score > 0
    assert found[0].distance == pytest.approx(0, abs=1e-6)
    assert found[0].score == pytest.approx(1.02 / 61)
    assert (found[1].lexical_rank, found[1].lexical_score, found[1].character_present) == (2, 0, False)


def test_retrieve_without_vectors_declares_no_distance() -> None:
    found = retrieve(
        [claim("The baker")],
        index=LexicalIndex(CHUNKS),
        content_vectors=ONE_HOT,
        claim_vectors=None,
        present=(),
        config=RetrievalConfig(),
    )
    assert {e.distance for e in found["c1"]} == {NO_DISTANCE}


def test_retrieve_takes_a_novel_of_one_chunk() -> None:
    found = retrieve(
        [claim("dragons")],
        index=LexicalIndex(["…"]),
        content_vectors=ONE_HOT[:1],
        claim_vectors=ONE_HOT[:1],
        present=(),
        config=RetrievalConfig(),
    )
    assert [(e.chunk_index, e.distance) for e in found["c1"]] == [(0, NO_DISTANCE)]


def test_retrieve_refuses_vectors_of_another_novel() -> None:
    with pytest.raises(ValueError, match="one vector each"):
        ranked("Ann", content=ONE_HOT[:3], vector=ONE_HOT[:1])


words = st.lists(st.sampled_from(["ann", "ships", "é", "the", "12", "—", "sea's"]), max_size=6).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(st.one_of(words, st.text(max_size=20)), min_size=1, max_size=12),
    texts=st.lists(st.one_of(words, st.text(max_size=20)), max_size=4),
    top_k=st.integers(1, 14),
    seed=st.one_of(st.none(), st.integers(0, 9)),
)
def test_retrieve_gives_every_claim_valid_distinct_ordered_evidence(
    chunks: list[str], texts: list[str], top_k: int, seed: int | None
) -> None:
    claims = [claim(text, number=number) for number, text in enumerate(texts)]
    draw = None if seed is None else np.random.default_rng(seed)
    content = None if draw is None else draw.normal(size=(len(chunks), 3)).astype(np.float32)
    vectors = None if draw is None else draw.normal(size=(len(texts), 3)).astype(np.float32)

    def once() -> dict[str, tuple[Evidence, ...]]:
        return retrieve(
            claims,
            index=LexicalIndex(chunks),
            content_vectors=content,
            claim_vectors=vectors,
            present=range(0, len(chunks), 2),
            config=RetrievalConfig(top_k=top_k),
        )

    found = once()
    assert list(found) == [c.id for c in claims]
    for evidence in found.values():
        indices = [e.chunk_index for e in evidence]
        assert len(set(indices)) == len(indices) == min(top_k, len(chunks))
        assert all(0 <= i < len(chunks) for i in indices)
        assert [e.rank for e in evidence] == list(range(1, len(evidence) + 1))
        assert [e.score for e in evidence] == sorted((e.score for e in evidence), reverse=True)
        assert all(0 <= e.distance <= 2 for e in evidence)
    assert once() == found
