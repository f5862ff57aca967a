"""Stream a novel through the shipped encoder and verify claims, on this processor.

Both ways of reading alternate on the same segments, so that other work on the machine affects both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F

from bdh import BDH, BDHState, load_bdh
from benchmarks.measurement import Measurement, time_call
from pipeline.judging.verifier import BDHVerifier, VerifierInput

TESTS = ("tests/bdh/test_model.py", "tests/bdh/ops/test_modes.py", "tests/pipeline/judging/test_verifier.py")
READER = Path(__file__).parents[1] / "models" / "reader"
NOVEL = Path(__file__).parents[1] / "novels" / "The Unlit Hour.txt"
_SEGMENT, _SEGMENTS, _WARM = 512, 40, 4
_SENTENCES = 8


@torch.inference_mode()
def measure() -> Iterator[Measurement]:
    """Yield the rates of reading and judging, and their share of the rate of a large product."""
    dtype = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    how = f"{_name(dtype)}, {torch.get_num_threads()} threads"
    model, tokenizer = load_bdh(READER, dtype=dtype)
    assert isinstance(model, BDH)
    text = NOVEL.read_text(encoding="utf-8")
    tokens = torch.tensor([(tokenizer.encode(text) * 9)[: _SEGMENT * _SEGMENTS]])
    one = torch.randn(_SEGMENT, model.config.n_embd, dtype=dtype)
    other = torch.randn(model.config.n_embd, model.config.n_head * model.config.n_neurons, dtype=dtype)
    most = 2 * one.numel() * other.shape[1] / time_call(lambda: one @ other, repeats=40)
    yield Measurement("product 512 x 384 x 4,224", most / 1e9, "GFLOP/s", f"{how}, median of 40")
    layer, block = _in_turn(model, tokens)
    how += f", median of {_SEGMENTS - _WARM} segments of {_SEGMENT} tokens, alternating"
    yield Measurement("layers, each over the whole segment", _SEGMENT / layer, "tokens/s", how)
    yield Measurement("layers, block by block in place", _SEGMENT / block, "tokens/s", how)
    yield Measurement("rate of blocks compared with layers", layer / block, "times", "of the medians")
    share = _operations(model) * _SEGMENT / block / most
    yield Measurement("blocks, of the rate of the product", 100 * share, "%", "operations of the definition")
    yield Measurement("surprise of a segment", 1000 * _surprise(model), "ms", "head and cross-entropy, median of 5")
    yield from judge(text, torch.device("cpu"), dtype)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _in_turn(model: BDH, tokens: torch.Tensor) -> tuple[float, float]:
    """Return the median seconds of a segment both ways."""
    layers = blocks = model.empty_state()
    seconds: list[tuple[float, float]] = []
    for start in range(0, tokens.shape[1], _SEGMENT):
        segment = tokens[:, start : start + _SEGMENT]
        began = time.perf_counter()
        layers = _state(model.encode(segment, layers, "chunkwise", observe=_ignore))
        middle = time.perf_counter()
        blocks = _state(model.encode(segment, blocks, "chunkwise", overwrite_state=True))
        seconds.append((middle - began, time.perf_counter() - middle))
    first, second = zip(*seconds[_WARM:], strict=True)
    return statistics.median(first), statistics.median(second)


def _state(output: tuple[object, BDHState | None, object]) -> BDHState:
    assert output[1] is not None
    return output[1]


def _ignore(*_: object) -> None:
    """Ignore a layer; an observer selects the unfused path."""


def _operations(model: BDH) -> float:
    """Return the operations of a token: five products a layer, and scores below the diagonal of a block."""
    config = model.config
    wide = config.n_head * config.n_neurons
    inside = config.chunk_size * (wide + config.n_head * config.n_embd)
    return config.n_layer * (10 * config.n_embd * wide + inside)


def _surprise(model: BDH) -> float:
    hidden, wanted = torch.randn(1, 256, model.config.n_embd), torch.zeros(256, dtype=torch.long)
    call: Callable[[], object] = lambda: F.cross_entropy(model.head(hidden, None)[0][0].float(), wanted)  # noqa: E731
    return 2 * time_call(call)


def judge(text: str, device: torch.device, dtype: torch.dtype) -> Iterator[Measurement]:
    """Yield claims per second given passages of their own, and given passages that six claims share."""
    verifier = BDHVerifier.load(READER, device=device, dtype=dtype)
    sentences = [" ".join(sentence.split()) for sentence in text.replace("\n", " ").split(". ") if sentence.strip()]
    passages = [tuple(sentences[first : first + _SENTENCES]) for first in range(0, 32 * _SENTENCES, _SENTENCES)]
    claims = [sentences[-1 - place][:120] for place in range(6)]
    apart = [VerifierInput(claims[place % 6], passage) for place, passage in enumerate(passages)]
    shared = [VerifierInput(claim, passage) for passage in passages[:6] for claim in claims]
    for what, inputs in (("of their own", apart), ("shared by six", shared)):
        seconds = time_call(lambda inputs=inputs: verifier.verify(inputs), repeats=3)  # type: ignore[misc]
        how = f"{len(inputs)} claims, passages of {_SENTENCES} sentences, {_name(dtype)}, median of 3"
        yield Measurement(f"claims judged given passages {what}", len(inputs) / seconds, "per second", how)
