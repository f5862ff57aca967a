"""``baseline_metrics.md``: the results of a run in one small table, and those that others report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bdh.config import BDHConfig
from bdh.files import write_text
from bdh.neuro.config import NeuroConfig
from bdh.training.trainer import TrainConfig

FILE = "baseline_metrics.md"
# Reported by others in their own units; not measured here.
_OTHERS = (
    ("official implementation", "25M, one H200, bf16, compiled, 32 x 512", "", "", "148,000"),
    ("official implementation", "the same without compiling", "", "", "62,000"),
    ("phase-0 baseline", "25M, tiny Shakespeare, 5,000 steps", "1.5 to 1.6", "4.5 to 5.0", ""),
    ("phase-0 baseline", "10M, tiny Shakespeare, 2,000 steps", "1.6 to 1.7", "5.0 to 5.5", ""),
    ("Hugging Face implementation", "25M in 2 layers, WikiText-2 bytes, 3 epochs", "1.2365", "3.44", ""),
)


@dataclass(frozen=True)
class RunDescription:
    """The model, settings, data and device of a run."""

    config: BDHConfig | NeuroConfig
    training: TrainConfig
    data: str
    device: str
    processes: int = 1


def write_baseline(folder: Path, run: RunDescription, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write the page of a run from its records, completely or not at all."""
    path = folder / FILE
    write_text(path, baseline_page(run, records))
    return path


def baseline_page(run: RunDescription, records: Sequence[Mapping[str, Any]]) -> str:
    """Return the page: a table of the run, the step where it began to overfit, and a table of others."""
    validated = [record for record in records if "val_loss" in record]
    best = min(validated, key=lambda record: float(record["val_loss"]), default=None)
    rows = "".join(f"| {name} | {value} |\n" for name, value in _rows(run, records, best))
    page = ["# Baseline metrics\n", f"| | |\n|---|---|\n{rows}"]
    if best is not None:
        page.append(_overfitting(best, validated[-1]))
    return "\n".join([*page, _comparison(records, best)])


def _rows(
    run: RunDescription, records: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None
) -> list[tuple[str, str]]:
    last, training = records[-1], run.training
    rows_a_step = training.batch_size * training.grad_accum * run.processes
    rows = [
        ("model", _model(run.config)),
        ("parameters", f"{run.config.n_parameters:,}"),
        ("data", run.data),
        ("step", f"{rows_a_step} x {training.seq_len} tokens, {_how(training)}"),
        ("steps", f"{last['step']:,} ({last['step'] * rows_a_step * training.seq_len:,} tokens)"),
        ("device", f"{run.device}, {run.processes} process{'es' if run.processes > 1 else ''}"),
        ("training loss", f"{last['loss']:.4f} nats a token"),
    ]
    if best is not None:
        rows += [
            ("validation loss", f"{best['val_loss']:.4f} nats a token (best, step {best['step']:,})"),
            ("validation bits per byte", f"{best['val_bits_per_byte']:.4f}"),
            ("validation perplexity", f"{best['val_perplexity']:.4f} a token"),
        ]
    rows += [
        ("tokens per second", f"{median(record['tokens_per_second'] for record in records):,.0f} (median)"),
        ("active neurons x", f"{last['active_x']:.2%}"),
        ("active neurons y", f"{last['active_y']:.2%}"),
        ("norm of a layer's memory", f"{last['state_norm']:,.1f}"),
    ]
    return [*rows, ("mean gain", f"{last['gain']:.3f}")] if "gain" in last else rows


def _model(config: BDHConfig | NeuroConfig) -> str:
    if isinstance(config, NeuroConfig):
        return f"neuro variant: {config.n_layer} layers, width {config.d}, {config.n} neurons"
    sizes = f"{config.n_layer} layers, width {config.n_embd}, {config.n_head} heads of {config.n_neurons:,} neurons"
    return f"{sizes}, {config.vocab_size:,} tokens, dropout {config.dropout:g}"


def _how(training: TrainConfig) -> str:
    carried = "memory carried" if training.carry_state else "windows drawn at random"
    compiled = ", compiled" if training.compile else ""
    return f"{carried}, {training.dtype}{compiled}, AdamW, step size {training.lr:g}"


def _overfitting(best: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    if best["step"] == last["step"]:
        return "The validation loss was still at its lowest at the last step.\n"
    return (
        f"The validation loss is lowest at step {best['step']:,}; from there it rises to {last['val_loss']:.4f} at "
        f"step {last['step']:,}, while the training loss goes from {best['loss']:.4f} to {last['loss']:.4f}.\n"
    )


def _comparison(records: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> str:
    speed = f"{median(record['tokens_per_second'] for record in records):,.0f}"
    loss = ("", "") if best is None else (f"{best['val_loss']:.4f}", f"{best['val_perplexity']:.2f}")
    rows = [("this run", "see above", *loss, speed), *_OTHERS]
    head = (
        "| whose | what | validation loss (nats) | perplexity | tokens per second, training |\n|---|---|---|---|---|\n"
    )
    table = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    return f"## Beside the figures that others report\n\n{head}{table}"
