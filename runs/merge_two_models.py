"""Make the tables of docs/merge.md: two models with or without a common base, merged along neurons and along heads.

    python runs/merge_two_models.py --texts tinyshakespeare.txt wikitext2-valid.txt [--steps 400] [--seed 1337]

Of each text the last tenth is held out. A base is trained on both texts, two copies of it on one text each; two more
models start from different seeds and are trained on one text each, for as many steps as base and copy together. The
merged models are measured directly, and after some steps on both texts. Figures are nats per byte on held-out text, the
memory emptied every 64 bytes, which is the length of the training windows.
"""

import argparse
import copy
from pathlib import Path

import torch

from bdh.config import BDHConfig
from bdh.evaluation import stream_losses, summarise
from bdh.merge import ALONG, merge
from bdh.model import BDH
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import RandomWindows, Tokens, encode_documents, read_texts
from bdh.training.distributed import World
from bdh.training.trainer import TrainConfig, Trainer

CONFIG = BDHConfig(n_layer=2, n_embd=64, n_head=4, mlp_internal_dim_multiplier=16, vocab_size=256, dropout=0.05)
HELD_OUT = 20_000
LENGTH = 64


def main() -> None:
    """Train, merge, and print one row per model."""
    arguments = _flags()
    torch.set_num_threads(arguments.threads)
    texts = [_split(Path(path)) for path in arguments.texts]
    parts, held_out = [train for train, _ in texts], [rest for _, rest in texts]
    steps, seed = arguments.steps, arguments.seed
    base = train(_new(seed), parts, steps, seed)
    show("base, both texts", base, held_out)
    copies = [train(copy.deepcopy(base), [part], steps, seed + 1) for part in parts]
    unrelated = [train(_new(seed + 2 + n), [part], 2 * steps, seed + 2 + n) for n, part in enumerate(parts)]
    for title, pair in (("copy of the base", copies), ("of its own seed", unrelated)):
        for name, model in zip("AB", pair, strict=True):
            show(f"{title}, text {name}", model, held_out)
        for along in ALONG:
            merged = merge(*pair, along=along)
            show(f"{title}: merged along {along}", merged, held_out)
            for more in arguments.more:
                tuned = train(copy.deepcopy(merged), parts, more, seed + 9)
                show(f"{title}: merged along {along}, {more} steps on both", tuned, held_out)
    for more in arguments.more:
        show(f"base, {more} steps more", train(copy.deepcopy(base), parts, more, seed + 9), held_out)


def train(model: BDH, parts: list[Tokens], steps: int, seed: int) -> BDH:
    """Train ``model`` in place on windows of ``parts``, the same number from each text."""
    config = TrainConfig(
        max_iters=steps, batch_size=8, seq_len=LENGTH, lr=2e-3, warmup=20, log_interval=steps, seed=seed
    )
    longest = max(len(part) for part in parts)
    level = [part for part in parts for _ in range(round(longest / len(part)))]
    batches = RandomWindows(level, batch_size=config.batch_size, seq_len=config.seq_len, seed=seed)
    for _ in Trainer(model, batches, config, World(0, 1, torch.device("cpu"))).run():
        pass
    return model.eval()


def show(name: str, model: BDH, held_out: list[Tokens]) -> None:
    """Print a model's nats per byte on each held-out text."""
    lengths = ByteTokenizer().byte_lengths()
    losses = [summarise(stream_losses(model, [text], reset_every=LENGTH), [text], lengths).loss for text in held_out]
    row = " | ".join(f"{loss:.3f}" for loss in losses)
    print(f"| {name} | {model.config.n_parameters:,} | {row} |", flush=True)


def _new(seed: int) -> BDH:
    torch.manual_seed(seed)
    return BDH(CONFIG)


def _split(path: Path) -> tuple[Tokens, Tokens]:
    (whole,) = encode_documents(read_texts(path), ByteTokenizer())
    cut = int(len(whole) * 0.9)
    return whole[:cut], whole[cut:][:HELD_OUT]


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", nargs=2, required=True, metavar=("A", "B"))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--more", type=int, nargs="*", default=[40, 150])
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
