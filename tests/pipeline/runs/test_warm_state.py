"""The memory along some sentences: the same from whichever snapshot it is replayed."""

from __future__ import annotations

import pytest
import torch

from bdh import BDH, BDHConfig, ByteTokenizer
from bdh.claims import ClaimReader
from pipeline.judging.verifier import ReaderQuestion, TrainedReader
from runs.warm_state import CarriedMemory

SENTENCES = [f"On day {number} the keeper climbed {number * 7} steps." for number in range(11)]
QUESTION = ReaderQuestion("The keeper climbed the steps.", ("He climbed all day.", "Then he slept."))


@pytest.fixture(scope="module")
def trained() -> TrainedReader:
    torch.manual_seed(3)
    config = BDHConfig(n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, decay=(0.9, 0.99))
    return TrainedReader(ClaimReader(BDH(config)).eval(), ByteTokenizer(), "tiny")


@pytest.mark.parametrize("order", [[11, 0, 5, 4, 10], [1, 2, 3, 9], [6, 6]])
def test_memory_is_that_of_one_reading_in_whatever_order_it_is_asked_for(
    trained: TrainedReader, order: list[int]
) -> None:
    memory = CarriedMemory(trained, SENTENCES, every=3)
    for count in order:
        expected = CarriedMemory(trained, SENTENCES, every=100).at(count)
        found = memory.at(count)
        assert found.position == expected.position
        torch.testing.assert_close(found.memory, expected.memory, rtol=1e-4, atol=1e-5)


def test_memory_that_was_handed_out_can_be_written_on(trained: TrainedReader) -> None:
    memory = CarriedMemory(trained, SENTENCES, every=3)
    before = memory.at(6)
    memory.at(6).memory.fill_(7.0)
    assert torch.equal(memory.at(6).memory, before.memory)


def test_claim_read_before_any_sentence_is_read_from_an_empty_memory(trained: TrainedReader) -> None:
    carried = CarriedMemory(trained, SENTENCES).compare(QUESTION, 0)
    (empty,) = trained.compare([QUESTION])
    assert carried.log_odds == pytest.approx(empty.log_odds, abs=1e-4)
    assert carried.features == pytest.approx(empty.features, abs=1e-4)


def test_what_was_read_before_changes_the_answer(trained: TrainedReader) -> None:
    memory = CarriedMemory(trained, SENTENCES)
    assert memory.compare(QUESTION, 11).log_odds != pytest.approx(memory.compare(QUESTION, 0).log_odds, abs=1e-6)


def test_place_beyond_the_last_sentence_is_refused(trained: TrainedReader) -> None:
    with pytest.raises(ValueError, match="there are 11 sentences"):
        CarriedMemory(trained, SENTENCES).at(12)
