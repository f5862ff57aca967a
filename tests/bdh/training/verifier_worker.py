"""A small verifier and its batches, for one process or for two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from bdh.config import BDHConfig
from bdh.model import BDH
from bdh.training.distributed import World
from bdh.training.verifier_batches import ClaimAnnotation, ClaimTargets, make_batch, make_targets
from bdh.training.verifier_trainer import VerifierTrainConfig, VerifierTrainer
from bdh.verifier import ClaimBatch, ClaimVerifier

SIZES = BDHConfig(n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, vocab_size=48, dropout=0.1)
LABELS = ("supported", "contradicted", "not_stated")
Example = tuple[ClaimBatch, ClaimTargets]


def draw(name: int, rows: int) -> Example:
    """Return a batch of ``rows`` rows of three claims with its targets, the same for the same name."""
    chance = torch.Generator().manual_seed(name)

    def text(length: int) -> list[int]:
        return torch.randint(2, 48, (length,), generator=chance).tolist()

    evidence = [text(10) if row else [] for row in range(rows)]
    claims = [[text(4) for _ in LABELS] for _ in range(rows)]
    batch = make_batch(evidence, claims, separator=[1], evidence_length=12, claims_per_row=3, claim_length=11)
    known = [[ClaimAnnotation(label, [label == "contradicted"] * 4) for label in LABELS] for _ in range(rows)]
    known[0] = [ClaimAnnotation("not_stated", None, label) for label in LABELS]
    return batch, make_targets(known, batch)


def make_trainer(world: World, *, decay: tuple[float, ...] | None = (0.9, 0.99), **changes: object) -> VerifierTrainer:
    """Return a trainer of six steps whose processes draw batches of their own."""
    settings: dict[str, object] = {"max_iters": 6, "batch_size": 4, "lr": 1e-2, "warmup": 2, "log_interval": 1}
    config = VerifierTrainConfig(**{**settings, "seed": 5, **changes})  # type: ignore[arg-type]
    torch.manual_seed(config.seed)
    verifier = ClaimVerifier(BDH(BDHConfig(**{**SIZES.to_dict(), "decay": decay})), inner=8)

    def batches(start: int) -> Iterator[Example]:
        yield from (draw(1000 * world.rank + step, config.batch_size) for step in range(start, config.max_iters))

    return VerifierTrainer(verifier, batches, config, world)


def train(world: World, folder: Path) -> None:
    """Train, and write the weights that this process ends with to ``folder``."""
    trainer = make_trainer(world)
    losses = torch.tensor([report.losses["total"] for report in trainer.run()])
    tensors, _ = trainer.state_dict()
    save_file({**tensors, "losses": losses}, str(folder / f"rank{world.rank}.safetensors"))
