"""The flags of ``python -m bdh train``: every setting of a run, with the names that other implementations use."""

import argparse
from typing import Any

from bdh.commands.push import add_training_flags
from bdh.commands.texts import add_dataset_flags
from bdh.errors import ConfigError
from bdh.neuro.flags import TRAINING_DEFAULTS, add_neuro_flags
from bdh.training.trainer import TrainConfig

MAX_ITERS = TrainConfig().max_iters
# The run of the Hugging Face implementation, where it says nothing that of torch's AdamW.
_WIKITEXT = {"seq_len": 128, "batch_size": 8, "lr": 1e-3, "warmup": 0, "min_lr": 1.0, "weight_decay": 0.01}
_SIZES = ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier")
_HELP = {
    "max_iters": f"steps; without it and without --epochs {MAX_ITERS:,}",
    "batch_size": "rows per process, that is per GPU",
    "seq_len": "tokens of a segment",
    "lr": "peak step size",
    "min_lr": "last step size, as a share of the peak",
    "warmup": "steps of the linear rise",
    "weight_decay": "of the matrices",
    "clip": "largest gradient norm; 0 for none",
    "grad_accum": "batches of one step",
    "dtype": "fp32, bf16 or fp16; auto: bf16 on a GPU that has it, else fp32",
    "compile": "use torch.compile",
    "carry_state": "read documents segment after segment with the memory carried (truncated backpropagation)",
    "reset_probability": "chance that a row forgets before a segment",
    "log_interval": "steps between records",
    "eval_interval": "steps between validations and checkpoints",
    "seed": "of all chance",
}
_DEFAULTS: dict[str, Any] = {"max_iters": None, "dtype": "auto"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of the command."""
    parser.add_argument("--data", "--file", help="a text file, or a folder of .txt files (one document each)")
    add_dataset_flags(parser, help_="train on a text by its name; tinyshakespeare when no data is given at all")
    parser.add_argument("--eval_data", help="text to validate on; without it the last 10%% of the data")
    parser.add_argument(
        "--eval_tokens", type=int, default=100_000, help="validate on this many tokens a document at most"
    )
    parser.add_argument("--out", default="runs/train", help="folder of this run: models, metrics, settings, summary")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own settings")
    parser.add_argument(
        "--sample_tokens", type=int, default=200, help="tokens of the sample that is printed at the end"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    _add_model_flags(parser)
    _add_loop_flags(parser)
    add_neuro_flags(parser)
    add_training_flags(parser)


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    presets = "tiny, small, medium, large, or wikitext-2 (a whole run); sizes below change it"
    parser.add_argument("--preset", "--model_size", default="small", help=presets)
    for name in _SIZES:
        parser.add_argument(f"--{name}", type=int, help="overrides the preset")
    parser.add_argument("--dropout", type=float, default=0.1, help="on the neurons y, while training")
    parser.add_argument(
        "--decay", help="damping per token of each head, e.g. 0.99,0.999,0.9999,1.0; none: published form"
    )
    parser.add_argument("--learn_decay", action="store_true", help="train the damping factors")
    parser.add_argument(
        "--tokenizer", default="bytes", help="bytes, bpe or characters (of the text), or a tokenizer.json"
    )
    parser.add_argument("--vocab_size", type=int, default=12288, help="tokens of a trained BPE")


def _add_loop_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting of the loop, made from ``TrainConfig``."""
    for name, value in vars(TrainConfig()).items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true", help=_HELP[name])
        else:
            default = _DEFAULTS.get(name, value)
            parser.add_argument(f"--{name}", type=type(value), default=default, help=_HELP[name])
    parser.add_argument("--epochs", type=float, help="instead of --max_iters: times that the training text is read")


def defaults_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the defaults that a preset, a variant or a dataset brings; what is given on the command line wins.

    Raises ConfigError when the length of the run is given twice.
    """
    if arguments.max_iters is not None and arguments.epochs is not None:
        raise ConfigError(f"max_iters {arguments.max_iters} and epochs {arguments.epochs:g} are both given; give one")
    brought: dict[str, Any] = {}
    if arguments.variant == "neuro":
        brought |= TRAINING_DEFAULTS
    if arguments.preset == "wikitext-2":
        brought |= {**_WIKITEXT, "epochs": 3.0}
        if arguments.data is None:
            brought["dataset"] = "wikitext-2"
    if arguments.data is None:
        brought["eval_tokens"] = 2_000_000  # the whole validation split
    if arguments.max_iters is not None:
        brought.pop("epochs", None)
    return brought
