"""Command line of the library: flags in, one clear line out on an error, exit status 2."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import torch
from tqdm import tqdm

from bdh import checkpoint
from bdh.commands.catalogue import add_commands
from bdh.commands.models import open_model
from bdh.commands.push import Uploads, add_training_flags
from bdh.config import BDHConfig
from bdh.convert import convert
from bdh.errors import BDHError, CheckpointError, ConfigError
from bdh.evaluation import Evaluation, stream_losses, summarise
from bdh.generation import generate
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.flags import TRAINING_DEFAULTS, add_neuro_flags, neuro_config, refuse_neuro_flags, wants_neuro
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer, Tokenizer, load_tokenizer
from bdh.training.data import Batches, DocumentStreams, RandomWindows, Tokens, encode_documents, read_texts
from bdh.training.distributed import World, choose_device, join_world
from bdh.training.loop import TrainConfig, Trainer
from bdh.training.run import TrainingRun


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 after printing what was wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        words = _underscored(sys.argv[1:] if argv is None else argv)
        arguments = _parser(neuro=wants_neuro(words)).parse_args(words)
        return int(arguments.run(arguments))
    except (BDHError, OSError, torch.OutOfMemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; --resume continues from the last checkpoint", file=sys.stderr)
        return 130


def _underscored(argv: Sequence[str]) -> list[str]:
    """Let every flag be written with hyphens as well."""
    flags = []
    for word in argv:
        if word.startswith("--") and len(word) > 2:
            name, separator, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + separator + value
        flags.append(word)
    return flags


def _parser(*, neuro: bool = False) -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m bdh", description="Train, run and measure BDH language models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model on text files", formatter_class=_Formatter)
    _add_train(train)
    if neuro:
        train.set_defaults(**TRAINING_DEFAULTS)
    _add_generate(commands.add_parser("generate", help="write text after a prompt", formatter_class=_Formatter))
    _add_evaluate(commands.add_parser("evaluate", help="measure loss and bits per byte", formatter_class=_Formatter))
    _add_convert(commands.add_parser("convert", help="bring in a foreign checkpoint", formatter_class=_Formatter))
    add_commands(commands, formatter=_Formatter)
    return parser


class _Parser(argparse.ArgumentParser):
    """Answer a wrong flag with one line, like every other mistake."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError instead of printing the usage."""
        raise ConfigError(f"{message}; see {self.prog} --help")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show the default of every flag."""


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_train)
    parser.add_argument("--data", required=True, help="a text file, or a folder of .txt files (one document each)")
    parser.add_argument("--eval_data", help="text to validate on; without it the last 10%% of the data")
    parser.add_argument(
        "--out", default="runs/train", help="folder of this run: last/, best/, metrics.jsonl, metrics.csv"
    )
    parser.add_argument("--preset", default="small", help="tiny, small, medium or large; the sizes below change it")
    parser.add_argument(
        "--tokenizer", default="bytes", help="bytes, bpe or characters (of the text), or a tokenizer.json"
    )
    parser.add_argument("--vocab_size", type=int, default=12288, help="tokens of a trained BPE")
    for name in ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier"):
        parser.add_argument(f"--{name}", type=int, help="overrides the preset")
    parser.add_argument("--dropout", type=float, default=0.1, help="on the neurons y, while training")
    parser.add_argument(
        "--decay", help="damping per token of each head, e.g. 0.99,0.999,0.9999,1.0; none: published form"
    )
    parser.add_argument("--learn_decay", action="store_true", help="train the damping factors")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--eval_tokens", type=int, default=100_000, help="validate on this many tokens a document at most"
    )
    for name, value in vars(TrainConfig()).items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true", help=_TRAIN_HELP.get(name, " "))
        else:
            parser.add_argument(f"--{name}", type=type(value), default=value, help=_TRAIN_HELP.get(name, " "))
    add_neuro_flags(parser)
    add_training_flags(parser)


_TRAIN_HELP = {
    "max_iters": "steps",
    "batch_size": "rows per process",
    "seq_len": "tokens of a segment",
    "lr": "peak step size",
    "min_lr": "last step size, as a share of the peak",
    "warmup": "steps of the linear rise",
    "clip": "largest gradient norm; 0 for none",
    "grad_accum": "batches of one step",
    "dtype": "fp32, bf16 or fp16",
    "compile": "use torch.compile",
    "carry_state": "read documents segment after segment with the memory carried (truncated backpropagation)",
    "reset_probability": "chance that a row forgets before a segment",
    "log_interval": "steps between records",
    "eval_interval": "steps between validations and checkpoints",
    "seed": "of all chance",
}


def _train(arguments: argparse.Namespace) -> int:
    uploads = Uploads.from_arguments(arguments)
    with join_world(arguments.device) as world:
        config = TrainConfig(**{name: getattr(arguments, name) for name in vars(TrainConfig())})
        texts, held_out_texts = _split_texts(arguments)
        tokenizer = _tokenizer_for(arguments, texts)
        train, held_out = encode_documents(texts, tokenizer), encode_documents(held_out_texts, tokenizer)
        held_out = [document[: arguments.eval_tokens] for document in held_out]
        torch.manual_seed(config.seed)
        model = _new_model(arguments, tokenizer).to(world.device)
        trainer = Trainer(model, _batches(train, config, world), config, world)
        run = TrainingRun(Path(arguments.out), trainer, tokenizer, lambda: _validate(trainer, held_out, tokenizer))
        run.folder.mkdir(parents=True, exist_ok=True)
        if arguments.resume:
            run.resume()
        _drive(run, model.config, len(train), sum(map(len, train)), uploads)
    if uploads is not None:
        uploads.finish()
    return 0


def _drive(
    run: TrainingRun, config: BDHConfig | NeuroConfig, documents: int, tokens: int, uploads: Uploads | None
) -> None:
    shown = run.trainer.world.writes
    if shown:
        where = run.trainer.world.device
        print(f"{config.n_parameters:,} parameters on {where}; {documents} documents, {tokens:,} tokens")
    total = run.trainer.config.max_iters
    with tqdm(total=total, initial=run.trainer.step, unit="step", disable=not shown) as bar:
        for progress in run.run():
            bar.update(progress.report.step - bar.n)
            bar.set_postfix(loss=f"{progress.report.loss:.3f}", tok_s=f"{progress.report.tokens_per_second:,.0f}")
            if progress.validation is not None:
                text = f"step {progress.report.step}: train {progress.report.loss:.4f}, validation "
                text += (
                    f"{progress.validation.loss:.4f} nats a token, {progress.validation.bits_per_byte:.4f} bits a byte"
                )
                bar.write(text + (" (best)" if progress.best else ""))
                if uploads is not None:
                    uploads.send(run.folder / "last", step=progress.report.step)


def _batches(documents: list[Tokens], config: TrainConfig, world: World) -> Batches:
    common: dict[str, Any] = {
        "batch_size": config.batch_size,
        "seq_len": config.seq_len,
        "seed": config.seed,
        "rank": world.rank,
        "world": world.size,
    }
    if config.carry_state:
        return DocumentStreams(documents, reset_probability=config.reset_probability, **common)
    return RandomWindows(documents, **common)


def _tokenizer_for(arguments: argparse.Namespace, texts: list[str]) -> Tokenizer:
    if arguments.resume:
        last = Path(arguments.out) / "last"
        if not last.is_dir():
            raise CheckpointError(f"{arguments.out} holds no run to resume; start it without --resume")
        return load_tokenizer(last / "tokenizer.json")
    if arguments.tokenizer == "bytes":
        return ByteTokenizer()
    if arguments.tokenizer == "bpe":
        return BPETokenizer.train(texts, vocab_size=arguments.vocab_size)
    if arguments.tokenizer == "characters":
        return CharTokenizer.train(texts)
    return load_tokenizer(arguments.tokenizer)


def _split_texts(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return training texts and held-out ones: given ones, or the end of a single text, or the last of many."""
    if arguments.eval_tokens < 2:
        raise ConfigError(f"eval_tokens is {arguments.eval_tokens}; it must be at least 2")
    texts = read_texts(arguments.data)
    if arguments.eval_data:
        return texts, read_texts(arguments.eval_data)
    if len(texts) == 1:
        cut = int(len(texts[0]) * 0.9)
        return [texts[0][:cut]], [texts[0][cut:]]
    cut = len(texts) - max(1, len(texts) // 10)
    return texts[:cut], texts[cut:]


def _new_model(arguments: argparse.Namespace, tokenizer: Tokenizer) -> LanguageModel:
    if arguments.variant == "neuro":
        return BDHNeuro(neuro_config(arguments, tokenizer.vocab_size))
    refuse_neuro_flags(arguments)
    return BDH(_model_config(arguments, tokenizer))


def _model_config(arguments: argparse.Namespace, tokenizer: Tokenizer) -> BDHConfig:
    names = ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier")
    changes: dict[str, Any] = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    changes |= {"vocab_size": tokenizer.vocab_size, "dropout": arguments.dropout, "learn_decay": arguments.learn_decay}
    if arguments.decay:
        changes["decay"] = _numbers(arguments.decay)
    return BDHConfig.preset(arguments.preset, **changes)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"decay is {text!r}; expected numbers with commas between them, one per head") from error


def _validate(trainer: Trainer, documents: list[Tokens], tokenizer: Tokenizer) -> Evaluation:
    trainer.model.eval()
    with trainer.autocast():
        losses = stream_losses(trainer.model, documents)
    return summarise(losses, documents, tokenizer.byte_lengths())


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_generate)
    parser.add_argument("--model", required=True, help="folder of a saved model, or user/name on the hub")
    parser.add_argument("--prompt", default="Hello ", help="text to go on from")
    parser.add_argument("--max_new_tokens", type=int, default=500, help="tokens to write")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 is greedy")
    parser.add_argument("--top_k", type=int, default=0, help="draw from the k likeliest; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of all chance")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")


def _generate(arguments: argparse.Namespace) -> int:
    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    sampling = {name: getattr(arguments, name) for name in ("max_new_tokens", "temperature", "top_k", "seed")}
    tokens = generate(model, tokenizer.encode(arguments.prompt), **sampling)
    print(arguments.prompt, end="", flush=True)
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        text = tokenizer.decode(pending)
        if not text.endswith("\ufffd") or len(pending) > 8:
            print(text, end="", flush=True)
            pending = []
    print(tokenizer.decode(pending))
    return 0


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_evaluate)
    parser.add_argument("--model", required=True, help="folder of a saved model, or user/name on the hub")
    parser.add_argument("--text", required=True, help="a text file, or a folder of .txt files (one document each)")
    parser.add_argument("--segment", type=int, default=1024, help="tokens that go through the model at once")
    parser.add_argument("--reset_every", type=int, help="forget every so many tokens; without it the memory is carried")
    parser.add_argument("--batch_size", type=int, default=16, help="documents read side by side")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"], help="precision of the matrix products")


def _evaluate(arguments: argparse.Namespace) -> int:
    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    documents = encode_documents(read_texts(arguments.text), tokenizer)
    narrow = arguments.dtype == "bf16"
    context = torch.autocast(model.device.type, dtype=torch.bfloat16) if narrow else nullcontext()
    with context, tqdm(total=sum(map(len, documents)) - len(documents), unit="token") as bar:
        losses = stream_losses(
            model,
            documents,
            segment=arguments.segment,
            reset_every=arguments.reset_every,
            batch_size=arguments.batch_size,
            on_progress=bar.update,
        )
    print(json.dumps(summarise(losses, documents, tokenizer.byte_lengths()).to_dict(), indent=2))
    return 0


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_convert)
    parser.add_argument("file", help="weights of another implementation: .pt, .pth, .bin or .safetensors")
    parser.add_argument("out", help="model folder to write")
    parser.add_argument("--n_layer", type=int, default=6, help="layers share their weights, so the file does not tell")
    parser.add_argument("--tokenizer", default="bytes", help="bytes, or a tokenizer.json")
    parser.add_argument("--dropout", type=float, default=0.1, help="for further training")


def _convert(arguments: argparse.Namespace) -> int:
    tokenizer = ByteTokenizer() if arguments.tokenizer == "bytes" else load_tokenizer(arguments.tokenizer)
    model = convert(Path(arguments.file), n_layer=arguments.n_layer, dropout=arguments.dropout)
    checkpoint.save(arguments.out, model, tokenizer)
    print(f"{arguments.out}: {model.config.n_parameters:,} parameters")
    return 0
