"""Do latent steps help a small model to follow a chain of facts? Train with k steps, measure by number of hops.

    python runs/latent_steps.py --steps 4 --seed 0 [--layers 1] [--filler] [--iterations 1000] [--out FILE]

A text is a random permutation of five symbols, one token for each pair (a, to), in random order; then a token for the
number of hops and one for a symbol. The answer is where that many hops lead. Texts are drawn anew, so that nothing can
be learned by heart; a pair is one token and the model has one layer, so that a pass over the memory follows one hop.
k = 0 predicts the answer at the last token of the question; k > 0 takes k latent steps (``BDH.think``), the loss on
each. ``--filler`` writes k copies of one more token instead: the same computation, but with tokens.
Prints one JSON record: accuracy by number of hops on 4,096 texts (chance 1/5), and the seconds it took.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from bdh.config import BDHConfig
from bdh.model import BDH
from bdh.shapes import Float, Int, Tensor
from bdh.training.optim import make_optimizer, scheduled_lr

SYMBOLS, HOPS, BATCH = 5, 4, 64
PAIRS = SYMBOLS + HOPS
FILLER = PAIRS + SYMBOLS**2
CONFIG = BDHConfig(
    n_layer=1, n_embd=32, n_head=2, mlp_internal_dim_multiplier=8, vocab_size=FILLER + 1, dropout=0.0, rope_theta=2.0**8
)


def draw(count: int, chance: torch.Generator) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B"], Int[Tensor, "B"]]:
    """Return texts, answers and numbers of hops."""
    to, order = (torch.rand(count, SYMBOLS, generator=chance).argsort(dim=1) for _ in range(2))
    pairs = PAIRS + SYMBOLS * order + to.gather(1, order)
    hops = torch.randint(1, HOPS + 1, (count,), generator=chance)
    start = torch.randint(SYMBOLS, (count,), generator=chance)
    answer = start
    for hop in range(HOPS):
        answer = torch.where(hop < hops, to.gather(1, answer[:, None])[:, 0], answer)
    return torch.cat([pairs, (SYMBOLS + hops - 1)[:, None], start[:, None]], dim=1), answer, hops


def predict(model: BDH, tokens: Int[Tensor, "B T"], steps: int, *, filler: bool) -> Float[Tensor, "B K V"]:
    """Return the predictions of the answer: one, or one for each step."""
    if filler and steps:
        dots = torch.full((len(tokens), steps), FILLER)
        return model(torch.cat([tokens, dots], dim=1), mode="parallel", keep_state=False).logits[:, -steps:]
    output = model(tokens, mode="parallel", keep_state=steps > 0)
    if not steps:
        logits: Tensor = output.logits[:, -1:]
        return logits
    return model.think(output.state, output.hidden[:, -1], steps=steps).logits


def train(steps: int, seed: int, iterations: int, *, filler: bool, layers: int = 1) -> BDH:
    """Return a model trained on ``iterations`` batches."""
    torch.manual_seed(seed)
    model, chance = BDH(replace(CONFIG, n_layer=layers)), torch.Generator().manual_seed(seed)
    optimizer = make_optimizer(model, lr=3e-3, weight_decay=0.01)
    for iteration in range(iterations):
        tokens, answers, _ = draw(BATCH, chance)
        logits = predict(model, tokens, steps, filler=filler)
        loss = F.cross_entropy(logits.flatten(0, 1), answers.repeat_interleave(logits.shape[1]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = scheduled_lr(iteration, peak=3e-3, warmup=100, total=iterations, floor=0.05)
        optimizer.step()
        if iteration % 250 == 0:
            print(f"step {iteration}: loss {float(loss.detach()):.3f}", flush=True)
    return model.eval()


@torch.inference_mode()
def measure(model: BDH, steps: int, *, filler: bool) -> list[float]:
    """Return the accuracy for each number of hops, by the last prediction."""
    tokens, answers, hops = draw(4096, torch.Generator().manual_seed(10_000))
    parts = [predict(model, part, steps, filler=filler)[:, -1, :SYMBOLS] for part in tokens.split(256)]
    right = torch.cat(parts).argmax(dim=1) == answers
    return [round(float(right[hops == hop].float().mean()), 4) for hop in range(1, HOPS + 1)]


def main() -> None:
    """Train and measure one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument(
        "--layers", type=int, default=1, help="two have the weights of one, and pass over the memory twice"
    )
    parser.add_argument("--filler", action="store_true")
    parser.add_argument("--out", type=Path, help="append the record to this file")
    asked = parser.parse_args()
    since = time.perf_counter()
    model = train(asked.steps, asked.seed, asked.iterations, filler=asked.filler, layers=asked.layers)
    record = {
        "steps": asked.steps,
        "layers": asked.layers,
        "filler": asked.filler,
        "seed": asked.seed,
        "iterations": asked.iterations,
        "accuracy": measure(model, asked.steps, filler=asked.filler),
        "seconds": round(time.perf_counter() - since),
    }
    print(json.dumps(record))
    if asked.out is not None:
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
