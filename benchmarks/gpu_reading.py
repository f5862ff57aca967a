"""Encode a novel and verify claims with the shipped models on one accelerator, in segments of several lengths.

The pipeline's own streaming of a novel is timed, with surprise and vectors of every sentence copied back to the
processor. Without an accelerator nothing is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from benchmarks.measurement import Measurement
from benchmarks.streaming import NOVEL, READER, judge
from pipeline.config import ReadingConfig
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.encoder import Encoder
from pipeline.reading.stream import stream_sentences

TESTS = ("tests/pipeline/reading",)
ALONE = True
"""Needs an accelerator: run only if it is named."""
SEGMENTS = (512, 2048, 8192, 32768)
_TIMES = 60


def measure() -> Iterator[Measurement]:
    """Yield tokens per second of reading and claims per second of judging, in both precisions."""
    if not torch.cuda.is_available():
        return
    text = NOVEL.read_text(encoding="utf-8")
    sentences = [" " + " ".join(sentence.split()) + "." for sentence in text.split(". ") if sentence.strip()] * _TIMES
    for dtype in ("fp32", "bf16"):
        encoder = load_encoder(ReadingConfig(device="cuda", dtype=dtype), folder=READER)
        for segment in SEGMENTS:
            seconds, tokens = _read(encoder, sentences, segment)
            how = f"{dtype}, {tokens:,} tokens in one stream, {len(sentences):,} sentences"
            yield Measurement(f"reading in segments of {segment}", tokens / seconds, "tokens/s", how)
        yield from judge(text, torch.device("cuda"), torch.bfloat16 if dtype == "bf16" else torch.float32)


def _read(encoder: Encoder, sentences: list[str], segment: int) -> tuple[float, int]:
    """Return the seconds and the tokens of a reading, after a short warm-up."""
    _stream(encoder, sentences[:200], segment)
    began = time.perf_counter()
    tokens = _stream(encoder, sentences, segment)
    return time.perf_counter() - began, tokens


def _stream(encoder: Encoder, sentences: list[str], segment: int) -> int:
    reading = stream_sentences(
        encoder, sentences, segment=segment, started=None, saving=None, on_progress=lambda read, total: None
    )
    return int(reading.tokens.sum())
