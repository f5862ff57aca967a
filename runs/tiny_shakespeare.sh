#!/usr/bin/env bash
# The small preset (25M) on tiny Shakespeare, regularised against overfitting: the lowest validation loss.
# usage: runs/tiny_shakespeare.sh TEXT OUT [further flags of python -m bdh train]
# The last tenth of the text validates, in windows of 512 bytes; 61 steps read the rest once. Strong dropout, weight
# decay and a step size that falls to almost nothing delay overfitting: OUT/baseline_metrics.md shows where it
# starts. Settings: ITERS LR DROPOUT DECAY SEED EVAL PYTHON, EXTRA (--compile).
set -euo pipefail
text=$1 out=$2
shift 2
"${PYTHON:-python3}" -m bdh train --data "$text" --out "$out" --preset small --seq_len 512 --batch_size 32 \
  --max_iters "${ITERS:-1000}" --lr "${LR:-1e-3}" --warmup 100 --min_lr 0.02 \
  --dropout "${DROPOUT:-0.3}" --weight_decay "${DECAY:-1.0}" --clip 1.0 --seed "${SEED:-1337}" \
  --eval_tokens 200000 --eval_interval "${EVAL:-100}" --log_interval 25 --dtype bf16 ${EXTRA---compile} "$@"
cat "$out/baseline_metrics.md"
