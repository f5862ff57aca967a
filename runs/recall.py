"""Recall of the shipped encoder, of the same model untrained, and of any other model folder, as one table.

    python runs/recall.py --out OUT [MODEL ...] [-- flags of ``python -m bdh recall``]

Each model gets a folder below OUT with recall.json and its plot. MODEL may be the folder of a run, such as the 25M
model of ``runs/tiny_shakespeare.sh``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from bdh import checkpoint, cli
from bdh.model import BDH

READER = Path(__file__).resolve().parents[1] / "models" / "reader"


def main(argv: list[str]) -> int:
    """Measure every model, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("models", nargs="*", type=Path, help="further model folders")
    own, flags = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    asked = parser.parse_args(own)
    places = {"reader": READER, "untrained": make_untrained(asked.out / "untrained")}
    places |= {f"{folder.parent.name}-{folder.name}": folder for folder in asked.models}
    for name, folder in places.items():
        out = asked.out / f"{name}-recall"
        if cli.main(["recall", "--model", str(folder), "--out", str(out), *flags]):
            return 1
        print(_rows(name, json.loads((out / "recall.json").read_text(encoding="utf-8"))), flush=True)
    return 0


def make_untrained(folder: Path) -> Path:
    """Write the shipped encoder's model with new weights, and return its folder."""
    model, tokenizer = checkpoint.load_bdh(READER)
    torch.manual_seed(0)
    return checkpoint.save(folder, BDH(model.config), tokenizer)


def _rows(name: str, numbers: dict[str, Any]) -> str:
    """Return the accuracy of each task at each distance, carried and reset, as rows of a table."""
    lines = []
    for task in ("key_value", "induction", "n_back"):
        points = [f"{p['distance']}: {p['carried']:.2f}/{p['reset']:.2f}" for p in numbers[task]]
        lines.append(f"| {name} | {task} | {', '.join(points)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
