#!/usr/bin/env bash
# Speed-up of K processes over one on the same global work: tokens per second and efficiency for each K.
# usage: runs/scaling.sh TEXT OUT [K ...]      default: 1 2; one GPU a process, or gloo with DEVICE=cpu
# ROWS is the global batch, shared by the processes (strong scaling); with WEAK=1 every process has ROWS rows.
# Settings: ROWS=64 SEQ=512 ITERS=60 PRESET=small DTYPE=bf16 DEVICE=cuda EXTRA=--compile PYTHON=python3
set -euo pipefail
text=$1 out=$2
shift 2
counts=${*:-1 2} python=${PYTHON:-python3} rows=${ROWS:-64}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # the same for every count
mkdir -p "$out"
for count in $counts; do
  share=$((rows / count))
  if [ -n "${WEAK:-}" ]; then share=$rows; fi
  "$python" -m torch.distributed.run --standalone --nproc_per_node="$count" -m bdh train --data "$text" \
    --out "$out/k$count" --preset "${PRESET:-small}" --batch_size "$share" --seq_len "${SEQ:-512}" \
    --max_iters "${ITERS:-60}" --log_interval 10 --eval_interval 100000 --eval_tokens 20000 --sample_tokens 0 \
    --dtype "${DTYPE:-bf16}" --device "${DEVICE:-cuda}" ${EXTRA---compile} >"$out/k$count.log" 2>&1 ||
    { tail -n 20 "$out/k$count.log" >&2; exit 1; }
done
"$python" - "$out" $counts <<'TABLE'
import json, sys
from pathlib import Path
from statistics import median

out, counts = Path(sys.argv[1]), [int(count) for count in sys.argv[2:]]
speeds = {}
for count in counts:
    records = [json.loads(line) for line in (out / f"k{count}" / "metrics.jsonl").read_text().splitlines()]
    # The first record includes the compilation.
    speeds[count] = median(record["tokens_per_second"] for record in records[1:] or records)
table = "| processes | tokens/s | times faster | efficiency |\n|---|---|---|---|\n"
for count, speed in speeds.items():
    faster = speed / speeds[counts[0]]
    table += f"| {count} | {speed:,.0f} | {faster:.2f} | {faster * counts[0] / count:.1%} |\n"
(out / "scaling.md").write_text(table)
print(table, end="")
TABLE
