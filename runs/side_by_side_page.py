"""The page and the plot of ``runs.official_side_by_side``."""

import csv
import json
from pathlib import Path
from typing import Any

from pipeline.storage.files import replacing

NAMES = ("reference", "ours")


def write_page(out: Path) -> None:
    """Write the comparison of the two runs as Markdown, and as a plot if matplotlib is installed."""
    runs = {name: json.loads((out / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
    curves = {name: _read_curve(out / f"{name}.csv") for name in NAMES}
    write_whole(out / "side_by_side.md", _page(runs, curves))
    print(f"written: {out / 'side_by_side.md'}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("matplotlib is not installed: no plot")
        return
    _draw(Figure(figsize=(8, 5), layout="constrained"), curves, out / "side_by_side.png")


def _read_curve(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def _page(runs: dict[str, dict[str, Any]], curves: dict[str, list[dict[str, float]]]) -> str:
    settings = runs["ours"]["settings"]
    lines = [
        "# The published model and ours, side by side\n",
        f"{runs['ours']['parameters']:,} parameters, {settings['batch_size']} x {settings['seq_len']} bytes a step, "
        f"{settings['iters']:,} steps, {settings['dtype']}, seed {settings['seed']}, the same first weights and "
        "batches; reference: the published formulation written plainly (`benchmarks/reference.py`).\n",
        "| | reference | ours |",
        "|---|---|---|",
    ]
    for label, key, form in (
        ("device", "device", "{}"),
        ("torch", "torch", "{}"),
        ("training tokens/s (median)", "tokens_per_second", "{:,.0f}"),
        ("peak memory, GiB", "peak_gib", "{:.1f}"),
        ("first step with compilation, s", "first_step_seconds", "{:.0f}"),
    ):
        cells = ["" if runs[name][key] is None else form.format(runs[name][key]) for name in NAMES]
        lines.append(f"| {label} | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, *_best_rows(curves), "", *_loss_rows(curves)]) + "\n"


def _best_rows(curves: dict[str, list[dict[str, float]]]) -> list[str]:
    cells = []
    for name in NAMES:
        best = min((row for row in curves[name] if "val_loss" in row), key=lambda row: row["val_loss"])
        cells.append(f"{best['val_loss']:.4f} (step {best['step']:,.0f})")
    return [f"| best validation loss, nats a byte | {cells[0]} | {cells[1]} |"]


def _loss_rows(curves: dict[str, list[dict[str, float]]]) -> list[str]:
    """Return the table of losses at every validated step that both runs have."""
    theirs, mine = ({row["step"]: row for row in curves[name] if "val_loss" in row} for name in NAMES)
    lines = [
        "| step | train: reference | train: ours | validation: reference | validation: ours |",
        "|---|---|---|---|---|",
    ]
    for step in sorted(theirs.keys() & mine.keys()):
        cells = [f"{side[step][key]:.4f}" for key in ("train_loss", "val_loss") for side in (theirs, mine)]
        lines.append(f"| {step:,.0f} | " + " | ".join(cells) + " |")
    shared = sorted(theirs.keys() & mine.keys())
    gaps = [max(abs(theirs[step][key] - mine[step][key]) for step in shared) for key in ("train_loss", "val_loss")]
    return [*lines, "", f"Largest differences: training {gaps[0]:.4f}, validation {gaps[1]:.4f} nats."]


def _draw(figure: Any, curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    axes = figure.subplots()
    for name, color in zip(NAMES, ("#D55E00", "#0072B2"), strict=True):
        for key, label, style in (("train_loss", "training", "-"), ("val_loss", "validation", "--")):
            rows = [row for row in curves[name] if key in row and row["step"] > 1]
            width = 3.5 if name == "reference" else 1.3
            axes.plot(
                [row["step"] for row in rows], [row[key] for row in rows], style, color=color, linewidth=width,
                alpha=0.6 if name == "reference" else 1.0, label=f"{name}, {label}",
            )  # fmt: skip
    axes.set(xlabel="step", ylabel="loss (nats a byte)", title="The published model and ours, same weights and batches")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    with replacing(path) as scratch:
        figure.savefig(scratch, dpi=150, format="png")
    print(f"written: {path}")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all, also when two processes write it."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
