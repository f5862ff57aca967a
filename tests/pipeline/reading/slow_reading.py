"""Read the little story slowly and print every segment, so that a test can kill this process in the middle.

usage: python -m tests.pipeline.reading.slow_reading READER NOVEL CACHE [SECONDS a segment]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from pipeline.config import ReadingConfig
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.novel_encoder import NovelEncoder
from pipeline.storage.cache import ReadingCache
from tests.pipeline.reading.conftest import make_story


def _print_progress(what: str, read: int, total: int) -> None:
    print(what, read, total, flush=True)
    time.sleep(float(sys.argv[4]) if len(sys.argv) > 4 else 0.2)


def main() -> None:
    """Read the novel and Anna Reed in it."""
    folder, novel, cache = map(Path, sys.argv[1:4])
    torch.set_num_threads(1)
    config = ReadingConfig(str(folder), "cpu", "fp32", segment=64, save_every_seconds=0)
    story = make_story(novel)
    encoder = NovelEncoder(load_encoder(config, folder=folder), ReadingCache(cache), config, _print_progress)
    encoder.read(story.novel, story.chunks, [story.anna])


if __name__ == "__main__":
    main()
