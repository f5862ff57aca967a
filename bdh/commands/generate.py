"""``python -m bdh generate``: continue a prompt, printing each token when it is sampled."""

import argparse
from collections.abc import Iterable, Iterator

from bdh.commands.models import add_model_flag, check_model, open_model
from bdh.generation import generate
from bdh.tokenizer import Tokenizer
from bdh.training.distributed import DEVICES, choose_device

_LONGEST_CHARACTER = 8


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--prompt", "--seed_text", default="Hello ", help="text to continue")
    parser.add_argument(
        "--max_new_tokens", "--length", type=int, default=500, help="maximum number of tokens to generate"
    )
    parser.add_argument("--temperature", type=float, default=0.8, help="sampling temperature; 0 is greedy")
    parser.add_argument("--top_k", type=int, default=0, help="sample from the k most likely tokens; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    parser.add_argument("--device", default="auto", help=DEVICES)
    parser.add_argument("--file", help="check that the model's vocabulary has every character of this text")
    parser.add_argument("--n", type=int, help="check that the model has this many neurons over all heads")
    parser.add_argument("--d", type=int, help="check that the model has this width")


def run(arguments: argparse.Namespace) -> int:
    """Print the prompt, then each token as soon as it is sampled."""
    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    check_model(model, tokenizer, arguments)
    sampling = {name: getattr(arguments, name) for name in ("max_new_tokens", "temperature", "top_k", "seed")}
    tokens = generate(model, tokenizer.encode(arguments.prompt), **sampling)
    print(arguments.prompt, end="", flush=True)
    for text in _whole_characters(tokens, tokenizer):
        print(text, end="", flush=True)
    print()
    return 0


def _whole_characters(tokens: Iterable[int], tokenizer: Tokenizer) -> Iterator[str]:
    """Yield the text of tokens, in complete characters."""
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        text = tokenizer.decode(pending)
        if not text.endswith("\ufffd") or len(pending) > _LONGEST_CHARACTER:
            yield text
            pending = []
    yield tokenizer.decode(pending)
