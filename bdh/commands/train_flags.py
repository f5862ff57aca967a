"""The flags of ``python -m bdh train``, with the names that other implementations use."""

import argparse
from typing import Any

from bdh.commands.push import add_training_flags
from bdh.commands.texts import add_dataset_flags
from bdh.errors import ConfigError
from bdh.neuro.flags import TRAINING_DEFAULTS, add_neuro_flags
from bdh.training.distributed import DEVICES
from bdh.training.trainer import TrainConfig

MAX_ITERS = TrainConfig().max_iters
# The run of the Hugging Face implementation, with the defaults of torch's AdamW.
_WIKITEXT = {"seq_len": 128, "batch_size": 8, "lr": 1e-3, "warmup": 0, "min_lr": 1.0, "weight_decay": 0.01}
_SIZES = ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier")
_HELP = {
    "max_iters": f"steps; {MAX_ITERS:,} if neither this nor --epochs is given",
    "batch_size": "rows per process (GPU)",
    "seq_len": "tokens per segment",
    "lr": "peak learning rate",
    "min_lr": "last learning rate, as a share of the peak",
    "warmup": "steps of linear warmup",
    "weight_decay": "weight decay of the matrices",
    "clip": "gradient norm to clip at; 0 for none",
    "grad_accum": "batches per step",
    "dtype": "fp32, bf16 or fp16; auto: bf16 on a GPU that supports it, else fp32",
    "compile": "use torch.compile",
    "carry_state": "read documents segment after segment with the state carried (truncated backpropagation)",
    "reset_probability": "probability of resetting a row before a segment",
    "split_documents": "empty the memory where a document ends inside a window, and predict nothing across that end; "
    "without it windows are cut from all documents joined, and memory and prediction run on into the next document",
    "log_interval": "steps between records",
    "eval_interval": "steps between validations and checkpoints",
    "seed": "random seed",
}
_DEFAULTS: dict[str, Any] = {"max_iters": None, "dtype": "auto"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of the command."""
    parser.add_argument("--data", "--file", help="a text file, or a folder of .txt files (one document each)")
    add_dataset_flags(parser, help_="train on this dataset; default without --data: tinyshakespeare")
    parser.add_argument("--eval_data", help="text to validate on; default: the last 10%% of the data")
    parser.add_argument(
        "--eval_tokens", type=int, default=100_000, help="maximum number of validation tokens per document"
    )
    parser.add_argument("--out", default="runs/train", help="folder of this run: models, metrics, settings, summary")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, with its own settings")
    parser.add_argument("--sample_tokens", type=int, default=200, help="tokens of the sample printed at the end")
    parser.add_argument("--device", default="auto", help=DEVICES)
    _add_model_flags(parser)
    _add_loop_flags(parser)
    add_neuro_flags(parser)
    add_training_flags(parser)


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    presets = "tiny, small, medium, large, or wikitext-2 (settings of a whole run); the sizes below override it"
    parser.add_argument("--preset", "--model_size", default="small", help=presets)
    for name in _SIZES:
        parser.add_argument(f"--{name}", type=int, help="overrides the preset")
    parser.add_argument("--dropout", type=float, default=0.1, help="dropout of the neurons y in training")
    parser.add_argument(
        "--decay", help="damping per token of each head, e.g. 0.99,0.999,0.9999,1.0; default: none, the published form"
    )
    parser.add_argument("--learn_decay", action="store_true", help="train the damping factors")
    parser.add_argument(
        "--tokenizer", default="bytes", help="bytes, bpe or characters (of the text), or a tokenizer.json"
    )
    parser.add_argument("--vocab_size", type=int, default=12288, help="size of a trained BPE vocabulary")


def _add_loop_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting of the loop, made from ``TrainConfig``."""
    for name, value in vars(TrainConfig()).items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true", help=_HELP[name])
        else:
            default = _DEFAULTS.get(name, value)
            parser.add_argument(f"--{name}", type=type(value), default=default, help=_HELP[name])
    parser.add_argument("--epochs", type=float, help="instead of --max_iters: number of passes over the training text")


def defaults_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the defaults of a preset, a variant or a dataset; flags on the command line win.

    Raises ConfigError when both max_iters and epochs are given.
    """
    if arguments.max_iters is not None and arguments.epochs is not None:
        raise ConfigError(f"max_iters {arguments.max_iters} and epochs {arguments.epochs:g} are both given; give one")
    defaults: dict[str, Any] = {}
    if arguments.variant == "neuro":
        defaults |= TRAINING_DEFAULTS
    if arguments.preset == "wikitext-2":
        defaults |= {**_WIKITEXT, "epochs": 3.0}
        if arguments.data is None:
            defaults["dataset"] = "wikitext-2"
    if arguments.data is None:
        defaults["eval_tokens"] = 2_000_000  # the whole validation split
    if arguments.max_iters is not None:
        defaults.pop("epochs", None)
    return defaults
