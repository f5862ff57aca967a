#!/usr/bin/env bash
# Four sizes of equal streaming cost, 1,200 steps each, one GPU per run, to choose the size of the first encoder.
# usage: runs/ablate_sizes.sh TRAIN_FOLDER DEV_FOLDER TOKENIZER OUT
set -euo pipefail
train=$1 dev=$2 tokenizer=$3 out=$4
common="--data $train --eval_data $dev --eval_tokens 20000 --tokenizer $tokenizer --max_iters ${ITERS:-1200} --eval_interval 100000
  --batch_size ${ROWS:-64} --seq_len 512 --warmup 100 --dtype ${DTYPE:-bf16} --carry_state --reset_probability 0.02
  --decay 0.98,0.998,0.9998,0.99998 --learn_decay --dropout 0.05 --log_interval 50 ${EXTRA---compile}"
one() { CUDA_VISIBLE_DEVICES=$1 python3 -m bdh train $common --out "$out/$2" "${@:3}" >"$out/$2.log" 2>&1; }
mkdir -p "$out"
one 0 d256m24l4-lr2 --n_embd 256 --mlp_internal_dim_multiplier 24 --n_layer 4 --lr 2e-3 &
one 1 d384m11l4-lr2 --n_embd 384 --mlp_internal_dim_multiplier 11 --n_layer 4 --lr 2e-3 &
wait
one 0 d384m11l4-lr4 --n_embd 384 --mlp_internal_dim_multiplier 11 --n_layer 4 --lr 4e-3 &
one 1 d384m8l6-lr2 --n_embd 384 --mlp_internal_dim_multiplier 8 --n_layer 6 --lr 2e-3 &
wait
tail -qn1 "$out"/*.log
