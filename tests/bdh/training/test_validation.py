"""Validation reads held-out text as in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bdh.errors import DataError
from bdh.evaluation import stream_losses
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import encode_documents
from bdh.training.trainer import Trainer
from bdh.training.validation import Validation

TrainerMaker = Callable[..., Trainer]
DOCUMENTS = encode_documents(["the ferryman did not run on sundays, he said. " * 3, "he ran."], ByteTokenizer())


@pytest.mark.parametrize("carry", [False, True])
def test_validation_reads_windows_or_carries_the_state_as_in_training(make_trainer: TrainerMaker, carry: bool) -> None:
    trainer = make_trainer(carry)
    found = Validation(trainer, DOCUMENTS, ByteTokenizer().byte_lengths())()
    reset = None if carry else trainer.config.seq_len
    losses = np.concatenate(stream_losses(trainer.model, DOCUMENTS, reset_every=reset))
    assert found.loss == pytest.approx(float(losses.mean()), rel=1e-5)
    assert (found.documents, found.tokens) == (2, len(losses))
    assert trainer.model.training


def test_validation_of_nothing_is_an_error(make_trainer: TrainerMaker) -> None:
    with pytest.raises(DataError, match="eval_data"):
        Validation(make_trainer(), [], [1] * 256)
