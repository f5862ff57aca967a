"""Metrics of a model in training on held-out text, computed by all processes together."""

from collections.abc import Sequence

import numpy as np

from bdh.errors import DataError
from bdh.evaluation import Evaluation, Losses, Tokens, cut_windows, make_evaluation, stream_losses, window_losses
from bdh.training.distributed import sum_over_world
from bdh.training.trainer import Trainer


class Validation:
    """Evaluate on held-out documents as in training: with the state carried, or in windows of a segment.

    Each process reads its share of the documents, or of all windows. The call returns the same metrics to every
    process.
    """

    def __init__(self, trainer: Trainer, documents: Sequence[Tokens], byte_lengths: Sequence[int]) -> None:
        if not documents:
            raise DataError("there is no held-out text; give one with --eval_data")
        config, world = trainer.config, trainer.world
        self._trainer, self._documents = trainer, len(documents)
        windows = list(documents) if config.carry_state else cut_windows(documents, config.seq_len)
        self._mine = windows[world.rank :: world.size]
        lengths = np.asarray(byte_lengths, np.int64)
        self._bytes = sum(int(lengths[window[1:]].sum()) for window in self._mine)

    def __call__(self) -> Evaluation:
        """Return the metrics; every process of the run must call this."""
        losses = self._read()
        nats = sum(float(row.astype(np.float64).sum()) for row in losses)
        mine = (float(sum(map(len, losses))), float(self._bytes), nats)
        tokens, bytes_, nats = sum_over_world(mine, self._trainer.world)
        return make_evaluation(documents=self._documents, tokens=int(tokens), bytes_=int(bytes_), nats=nats, curve={})

    def _read(self) -> list[Losses]:
        trainer = self._trainer
        rows = trainer.config.batch_size
        with trainer.autocast():
            if trainer.config.carry_state:
                return stream_losses(trainer.model, self._mine, batch_size=rows)
            return window_losses(trainer.model, self._mine, batch_size=rows)
