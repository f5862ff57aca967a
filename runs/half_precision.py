"""Train on tiny Shakespeare in float16 with loss scaling and in bfloat16: the same loss, and never a NaN.

    python runs/half_precision.py --out OUT [flags of ``python -m bdh train``]

2,000 steps of the default model (25M parameters) unless flags say otherwise; made for one GPU. Prints, for each
precision, the last training and validation loss, the reports whose gradient was not finite (steps that the scaler
skipped while it looked for its scale), and tokens per second. Exits with 1 if a loss is not a number.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from bdh import cli


def main(argv: list[str]) -> int:
    """Train in both precisions, and print one row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for both runs")
    arguments, flags = parser.parse_known_args(argv)
    flags = ["--max_iters", "2000", "--sample_tokens", "0", *flags]
    failed = 0
    for dtype in ("fp16", "bf16"):
        folder = arguments.out / dtype
        failed |= cli.main(["train", "--dtype", dtype, "--out", str(folder), *flags])
        print(f"{dtype}: {_summary(folder)}", flush=True)
    return failed


def _summary(folder: Path) -> str:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    last = records[-1]
    skipped = sum(not math.isfinite(record["grad_norm"]) for record in records)
    speeds = sorted(record["tokens_per_second"] for record in records)
    return (
        f"step {last['step']}, loss {last['loss']:.4f}, validation {last['val_loss']:.4f}, "
        f"{skipped} of {len(records)} reports with a gradient that is not finite, "
        f"{speeds[len(speeds) // 2]:,.0f} tokens/s"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
