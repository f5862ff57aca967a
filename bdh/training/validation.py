"""How well a model in training predicts held-out text, measured by all processes together."""

from collections.abc import Sequence

import numpy as np

from bdh.errors import DataError
from bdh.evaluation import Evaluation, Losses, Tokens, cut_windows, make_evaluation, stream_losses, window_losses
from bdh.training.distributed import sum_over_world
from bdh.training.trainer import Trainer


class Validation:
    """Held-out documents, read as the model is trained: with the memory carried, or in windows of a segment.

    Carried, each process reads whole documents of its own; in windows, each reads its share of all windows. The call
    returns the same figures to every process.
    """

    def __init__(self, trainer: Trainer, documents: Sequence[Tokens], byte_lengths: Sequence[int]) -> None:
        if not documents:
            raise DataError("there is no held-out text; give some with --eval_data")
        config, world = trainer.config, trainer.world
        self._trainer, self._documents = trainer, len(documents)
        pieces = list(documents) if config.carry_state else cut_windows(documents, config.seq_len)
        self._mine = pieces[world.rank :: world.size]
        lengths = np.asarray(byte_lengths, np.int64)
        self._bytes = sum(int(lengths[piece[1:]].sum()) for piece in self._mine)

    def __call__(self) -> Evaluation:
        """Return the figures; every process of the run must call."""
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
