"""Make models/reader/claims: the shipped verifier. Two steps; the first needs a GPU.

    python runs/claim_reader.py distil --examples Q.examples.xz --nli nli-train.jsonl --init models/reader \\
        --teacher MINILM --out runs/claims [--steps 2878]
    python runs/claim_reader.py claim_only --claims T/claims.csv --held_out BOOKS --model runs/claims \\
        --out models/reader/claims

``distil`` trains a verifier as ``python -m pipeline train-reader`` does, and at the same time distils a frozen sentence
encoder (all-MiniLM-L6-v2, Apache-2.0): a linear map of the last hidden vector of each token is trained to have the
direction of the teacher's vector of that word, and the cosines of pointers to be those of the teacher's words.
``claim_only`` fits, on the finished verifier, the claim-only log-odds: a logistic regression on the hidden vectors of
claims read without evidence.
"""

import argparse
import csv
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from bdh.tokenizer import Tokenizer
from bdh.training.optim import make_optimizer, scheduled_lr
from bdh.training.verifier_batches import to_device
from bdh.training.verifier_loss import LossWeights, language_loss, verifier_loss
from bdh.verifier import ClaimBatch, ClaimVerifier, load_claim_verifier, save_claim_verifier
from pipeline.judging.verifier import evidence_text
from pipeline.training.batches import Shapes, tensors_of
from pipeline.training.examples import Example, ExampleConfig, ExampleSource
from pipeline.training.program import load_initial_verifier, make_source

EXAMPLES = ExampleConfig(
    claims=0.35,
    statements=0.4,
    outline=0.1,
    nli=0.15,
    rename=0.4,
    counterfactual=0.3,
    wrong_evidence=0.12,
    no_evidence=0.05,
)
LOSS = LossWeights(label=1.0, margin=0.3, evidence=0.7, expected=1.0, wrong=0.3, alone=0.0)
VECTORS, COSINES, LANGUAGE = 1.0, 3.0, 0.1
LONGEST_SENTENCE = 56
"""Most word pieces of a sentence given to the teacher."""
TEACHER_WIDTH = 384


@dataclass(frozen=True)
class TeacherInput:
    """The input of the teacher for a batch, and the word piece in which each token of the batch ends (-1: none)."""

    pieces: torch.Tensor
    mask: torch.Tensor
    evidence: torch.Tensor
    claims: torch.Tensor


class DistillationBatches(Dataset[tuple[ClaimBatch, Any, TeacherInput]]):
    """The batch of each step with the input of the teacher."""

    def __init__(self, source: ExampleSource, tokenizer: Tokenizer, teacher: Path, *, rows: int, steps: int) -> None:
        from tokenizers import Tokenizer as Pieces

        self.source, self.tokenizer, self.rows, self.steps = source, tokenizer, rows, steps
        self.lengths = tokenizer.byte_lengths()
        self.pieces = Pieces.from_file(str(teacher / "tokenizer.json"))
        self.pieces.no_padding()
        self.pieces.no_truncation()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[ClaimBatch, Any, TeacherInput]:
        examples = self.source.draw(f"0:{step}", self.rows)
        batch, targets = tensors_of(examples, self.tokenizer, Shapes())
        return batch, targets, self._teacher_input(examples, batch)

    def _teacher_input(self, examples: Sequence[Example], batch: ClaimBatch) -> TeacherInput:
        texts = [sentence for example in examples for sentence in example.evidence]
        first_claim = len(texts)
        texts += [stated.text for example in examples for stated in example.claims]
        encoded = self.pieces.encode_batch(texts)
        pieces = torch.zeros(len(texts), LONGEST_SENTENCE, dtype=torch.long)
        mask = torch.zeros_like(pieces)
        for row, item in enumerate(encoded):
            own = item.ids[:LONGEST_SENTENCE]
            pieces[row, : len(own)] = torch.tensor(own)
            mask[row, : len(own)] = 1
        maps = [_letters(text, item.offsets, row) for row, (text, item) in enumerate(zip(texts, encoded, strict=True))]
        evidence = torch.full(batch.evidence.shape, -1)
        claims = torch.full(batch.claims.shape, -1)
        sentence, claim = 0, first_claim
        for row, example in enumerate(examples):
            own = maps[sentence : sentence + len(example.evidence)]
            sentence += len(example.evidence)
            if own:
                joined = np.concatenate([np.full(2, -1), *own])
                ends = self._ends(evidence_text(example.evidence))
                found = torch.from_numpy(joined[ends])[-evidence.shape[1] :]
                evidence[row, evidence.shape[1] - len(found) :] = found
            for place, stated in enumerate(example.claims[: claims.shape[1]]):
                found = torch.from_numpy(maps[claim][self._ends(stated.text)])
                begin = int(batch.second[row, place])
                room = max(0, min(len(found), int(batch.claim_lengths[row, place]) - begin))
                claims[row, place, begin : begin + room] = found[:room]
                claim += 1
        return TeacherInput(pieces, mask, evidence, claims)

    def _ends(self, text: str) -> Any:
        """Return the index of the character in which each token of a text ends."""
        byte_to_letter = np.repeat(np.arange(len(text)), [len(letter.encode()) for letter in text])
        sizes = np.array([self.lengths[token] for token in self.tokenizer.encode(text)])
        return byte_to_letter[np.cumsum(sizes) - 1]


def _letters(text: str, offsets: Sequence[tuple[int, int]], row: int) -> Any:
    """Return for each character, and the space after the text, the word piece it is in, over all texts."""
    found = np.full(len(text) + 1, -1)
    for place, (start, end) in enumerate(offsets[:LONGEST_SENTENCE]):
        found[start:end] = row * LONGEST_SENTENCE + place
    return found


def distil(arguments: argparse.Namespace) -> None:
    """Train the verifier with distillation; write the averaged weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    reader, tokenizer = load_initial_verifier(arguments.init, 0.1)
    source = make_source([arguments.examples], arguments.nli, EXAMPLES, seed=0)
    batches = DistillationBatches(source, tokenizer, arguments.teacher, rows=arguments.rows, steps=arguments.steps)
    stream = iter(DataLoader(batches, batch_size=None, sampler=range(arguments.steps), num_workers=arguments.workers))
    reader, towards = reader.to(device), nn.Linear(reader.model.config.n_embd, TEACHER_WIDTH).to(device)
    teacher = _teacher(arguments.teacher, device)
    optimizer = make_optimizer(nn.ModuleList([reader, towards]), lr=1e-3, weight_decay=0.1)
    mean = {name: weight.detach().clone() for name, weight in reader.named_parameters()}
    if device.type == "cuda":
        reader.compile_training()
    reader.train()
    began = time.perf_counter()
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = scheduled_lr(step, peak=1e-3, warmup=200, total=arguments.steps, floor=0.02)
        parts = _learn(reader, towards, teacher, next(stream), share=_fading(step / arguments.steps))
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        decay = min(0.999, step / (step + 50))
        with torch.no_grad():
            for name, weight in reader.named_parameters():
                mean[name].lerp_(weight, 1 - decay)
        if step % 100 == 0:
            report = " ".join(f"{name} {float(part):.3f}" for name, part in parts.items())
            print(f"step {step} {report} {time.perf_counter() - began:.0f} s", flush=True)
    with torch.no_grad():
        for name, weight in reader.named_parameters():
            weight.copy_(mean[name])
    save_claim_verifier(arguments.out, reader, tokenizer, dtype=torch.bfloat16)


def _learn(reader: Any, towards: nn.Linear, teacher: Any, item: Any, *, share: float) -> dict[str, torch.Tensor]:
    batch, targets, given = item
    device = reader.model.device
    batch, targets = to_device(batch, device), to_device(targets, device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        output = reader(batch)
        parts = verifier_loss(output, targets, LOSS)
        with torch.no_grad():
            words = teacher(input_ids=given.pieces.to(device), attention_mask=given.mask.to(device)).last_hidden_state
            words = F.normalize(words.flatten(0, 1).float(), dim=-1)
        evidence, claims = given.evidence.to(device), given.claims.to(device)
        ours = [F.normalize(towards(hidden).float(), dim=-1) for hidden in (output.evidence_hidden, output.hidden)]
        theirs = [words[places.clamp(min=0)] for places in (evidence, claims)]
        known = [evidence >= 0, claims >= 0]
        apart = [1 - (one * other).sum(-1) for one, other in zip(ours, theirs, strict=True)]
        parts["vectors"] = sum((gap * there).sum() / there.sum() for gap, there in zip(apart, known, strict=True))
        wanted = (theirs[1].flatten(1, 2) @ theirs[0].mT).view(*claims.shape, -1)
        gaps = (wanted - reader.claim_head.cosines(output.hidden, output.evidence_hidden)).square()
        both = known[1][..., None] & known[0][:, None, None]
        parts["cosines"] = (gaps * both).sum() / both.sum()
        parts["language"] = language_loss(reader, batch, targets, output)
        total = parts["total"] + share * (VECTORS * parts["vectors"] + COSINES * parts["cosines"])
        total = total + LANGUAGE * parts["language"]
    total.backward()
    return {name: part.detach() for name, part in parts.items()}


def _fading(progress: float) -> float:
    """Return the weight of the teacher: 1 at first, 0.2 at the end."""
    return 1.0 if progress < 0.6 else max(0.2, 1 - (progress - 0.6) * 3)


def _teacher(folder: Path, device: torch.device) -> Any:
    from transformers import BertModel

    teacher = BertModel.from_pretrained(folder, add_pooling_layer=False)
    return teacher.to(device=device, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32).eval()


def claim_only(arguments: argparse.Namespace) -> None:
    """Fit the claim-only log-odds, and write the verifier with them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    reader, tokenizer = load_claim_verifier(arguments.model)
    held_out = set(arguments.held_out.read_text(encoding="utf-8").splitlines())
    with open(arguments.claims, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["book_name"] not in held_out]
    pairs = sorted({int(row["id"]) // 2 for row in rows})
    chosen = set(random.Random(0).sample(pairs, min(arguments.pairs, len(pairs))))
    rows = [row for row in rows if int(row["id"]) // 2 in chosen]
    inputs = np.concatenate(list(_vectors(reader, tokenizer, [row["content"] for row in rows])))
    labels = np.array([row["label"] == "consistent" for row in rows])
    books = [row["book_name"] for row in rows]
    center, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    model = LogisticRegression(C=arguments.strength, max_iter=2000)
    predicted = cross_val_predict(model, (inputs - center) / scale, labels, groups=books, cv=GroupKFold(5))
    print(f"{len(rows)} claims, accuracy on books left out {(predicted == labels).mean():.3f}")
    fitted = model.fit((inputs - center) / scale, labels)
    weights = fitted.coef_[0] / scale
    with torch.no_grad():
        reader.claim_head.alone.weight.copy_(torch.tensor(weights)[None])
        reader.claim_head.alone.bias.fill_(float(fitted.intercept_[0] - weights @ center))
    save_claim_verifier(arguments.out, reader, tokenizer, dtype=torch.bfloat16)


def _vectors(reader: ClaimVerifier, tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[Any]:
    """Yield the inputs of the claim-only head for batches of claims read without evidence."""
    from bdh.training.verifier_batches import make_batch

    found: list[Any] = []
    hook = reader.claim_head.alone.register_forward_pre_hook(lambda module, given: found.append(given[0].numpy()))
    size = 48
    for start in range(0, math.ceil(len(texts) / size)):
        tokens = tokenizer.encode_batch([" ".join(text.split()) for text in texts[start * size : (start + 1) * size]])
        batch = make_batch(
            [[] for _ in tokens],
            [[claim] for claim in tokens],
            separator=tokenizer.encode("\n\n"),
            evidence_length=0,
            claims_per_row=1,
            claim_length=2 * max(map(len, tokens)) + 3,
        )
        with torch.inference_mode():
            reader(batch)
        yield found.pop()[:, 0]
    hook.remove()


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("distil")
    step.add_argument("--examples", type=Path, required=True, help="file or folder that train-reader prepared")
    step.add_argument("--nli", type=Path)
    step.add_argument("--init", type=Path, default=Path("models/reader"))
    step.add_argument("--teacher", type=Path, required=True)
    step.add_argument("--steps", type=int, default=2878)
    step.add_argument("--rows", type=int, default=64)
    step.add_argument("--workers", type=int, default=9)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=distil)
    step = steps.add_parser("claim_only")
    step.add_argument("--claims", type=Path, required=True)
    step.add_argument("--held_out", type=Path, required=True, help="file with one book name per line")
    step.add_argument("--model", type=Path, required=True)
    step.add_argument("--pairs", type=int, default=4000)
    step.add_argument("--strength", type=float, default=0.01, help="inverse of the penalty")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=claim_only)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
