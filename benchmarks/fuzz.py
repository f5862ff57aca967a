"""Hostile input to every parser: it must return a result or raise a documented error.

Each case depends on its parser and number alone, so that a failure can be repeated:
``python -m benchmarks.fuzz --parser novel --case 1234``. A case passes if the parser returns, or raises PipelineError
or BDHError with a message of one line, within the time limit.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

import bdh
import bdh.cli
from bdh.convert import convert
from bdh.tokenizer import load_tokenizer
from bdh.training.run import read_training_state, write_training_state
from benchmarks.hostile import MANUSCRIPTS, changed_json, changed_tensors, damaged, one_of, table, text_file
from benchmarks.little_reader import save_little_reader
from benchmarks.measurement import Measurement
from pipeline.claims.extract import extract_claims
from pipeline.claims.files import read_backstory
from pipeline.commands.catalogue import make_parser
from pipeline.commands.settings import parse, pipeline_config
from pipeline.config import ROOT, ChunkConfig
from pipeline.errors import PipelineError
from pipeline.evaluation.expected_overlap import ExpectedOverlap
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.multinomial import MultinomialModel
from pipeline.judging.verifier import BDHVerifier
from pipeline.serve.uploads import import_novel
from pipeline.storage.answers import AnswerCache
from pipeline.storage.cache import ReadingCache
from pipeline.tables.rows import read_predictions, read_table
from pipeline.text.aliases import load_aliases
from pipeline.text.characters import build_cast, find_mentions
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences
from pipeline.waivers import load_waivers

TESTS = ("tests/robustness/test_bad_input.py",)
ALONE = True
"""Takes minutes: run only if it is named."""
CASES = 600
"""Cases per parser."""
PATIENCE = 20
"""Seconds of processor time that one case may take."""
_READING = {"hidden": np.arange(12, dtype=np.float32).reshape(3, 4)}
_ANSWER = {"labels": [0.5, 0.25]}
_TENSORS = (changed_tensors, damaged)
_JSON = (changed_json, changed_json, damaged)

Parser = Callable[[Path, random.Random], object]


class HangError(Exception):
    """A case exceeded its time limit."""


@dataclass(frozen=True)
class Good:
    """Valid files, made once, from which hostile ones are made."""

    reader: Path
    place: Path
    reading: Path
    answers: Path
    run: Path


def novel(folder: Path, rng: random.Random) -> object:
    """A novel, from its bytes to its sentences, chunks and cast."""
    path = folder / "novel.txt"
    path.write_bytes(text_file(rng))
    book = load_novel(path)
    sentences = split_sentences(book, _nlp())
    assert all(book.text[start:end].strip() for start, end in sentences)
    chunks = make_chunks(book, sentences, ChunkConfig())
    return build_cast(find_mentions(book, sentences), chunks)


def backstory(folder: Path, rng: random.Random) -> object:
    """A backstory, from its bytes to its claims."""
    path = folder / "backstory.txt"
    path.write_bytes(text_file(rng))
    return extract_claims(read_backstory(path), rng.choice(["Anna Reed", "", "Edmond/Monte Cristo", "😀", "A"]), _nlp())


def csv_table(folder: Path, rng: random.Random) -> object:
    """A table of backstories, or of predictions."""
    path = folder / "table.csv"
    path.write_bytes(table(rng))
    if rng.random() < 0.2:
        return read_predictions(path)
    return read_table(path, labelled=rng.choice(["required", "optional", "absent"]))


def settings_file(folder: Path, rng: random.Random) -> object:
    """A TOML file of settings, or flags."""
    path = folder / "settings.toml"
    names = ["n_sent_per_chunk", "overlap", "top_k", "seed", "threads", "dtype", "track", "alias", "llm", "config", "x"]
    values = ["6", "-1", "0", "1e9", '"x"', "true", '["a"]', "[1]", "1979-05-27", "9" * 30, "nan", "{}", "", '"']
    lines = [f"{rng.choice(names)} = {rng.choice(values)}" for _ in range(rng.randrange(4))]
    path.write_bytes("\n".join(lines).encode() if rng.random() < 0.8 else text_file(rng))
    words = [f"--{rng.choice(names)}={rng.choice(values)}"] if rng.random() < 0.5 else []
    parser = make_parser(rng.choice(["judge", "dataset"]))
    return pipeline_config(parse(parser, ["--config", str(path), *words]))


def beside_the_novel(folder: Path, rng: random.Random) -> object:
    """A file of aliases, or of findings marked as intentional."""
    path = folder / "beside"
    if rng.random() < 0.5:
        path.write_bytes(rng.choice([text_file(rng), b"Monte Cristo=Edmond\n#x\n=\n", b"a=b=c", b"A = B\r\nC=D"]))
        return load_aliases(path)
    good = b'[{"character": "Anna", "claim": "She rowed.", "reason": "so meant", "passage": "Anna"}]'
    path.write_bytes(one_of(_JSON, good, rng))
    return load_waivers(path)


def model_folder(folder: Path, rng: random.Random) -> object:
    """A model folder with one hostile file, loaded and called."""
    copy = shutil.copytree(_good().reader, folder / "reader")
    claims = rng.random() < 0.3
    names = ["model.safetensors", "config.json", "tokenizer.json"] + (["claim_head.safetensors"] if claims else [])
    path = (copy / "claims" if claims else copy) / rng.choice(names)
    path.write_bytes(one_of(_JSON if path.suffix == ".json" else _TENSORS, path.read_bytes(), rng))
    if claims:
        return BDHVerifier.load(copy, device=torch.device("cpu"), dtype=None)
    model, _ = bdh.load(copy)
    return model(torch.tensor([[1, 2, 3]]))


def tokenizer(folder: Path, rng: random.Random) -> object:
    """A tokenizer file, loaded and used."""
    path = folder / "tokenizer.json"
    kinds = [(_good().reader / "tokenizer.json").read_bytes(), b'{"type": "characters", "characters": "abc"}']
    path.write_bytes(one_of(_JSON, rng.choice([*kinds, b'{"type": "bytes"}']), rng))
    found = load_tokenizer(path)
    return found.decode(found.encode("abc"))


def foreign_weights(folder: Path, rng: random.Random) -> object:
    """A foreign weights file, safetensors or pickled."""
    path = folder / f"weights{rng.choice(['.safetensors', '.pt'])}"
    if path.suffix == ".pt":
        torch.save({"encoder": torch.zeros(2, 4, 6), "model": [1, {"a": torch.ones(1)}]}, path)
        path.write_bytes(damaged(path.read_bytes(), rng))
    else:
        path.write_bytes(one_of(_TENSORS, (_good().reader / "model.safetensors").read_bytes(), rng))
    return convert(path, n_layer=rng.choice([1, 2]))


def training_place(folder: Path, rng: random.Random) -> object:
    """The saved state of a training."""
    path = folder / "training.safetensors"
    path.write_bytes(one_of(_TENSORS, _good().place.read_bytes(), rng))
    return read_training_state(path)


def training_run(folder: Path, rng: random.Random) -> object:
    """The folder of a finished training with one hostile file, resumed."""
    run = shutil.copytree(_good().run, folder / "run")
    path = rng.choice([path for path in sorted(run.rglob("*")) if path.is_file() and path.parent.name != "best"])
    makers = {".json": _JSON, ".safetensors": _TENSORS}.get(path.suffix, (damaged,))
    path.write_bytes(one_of(makers, path.read_bytes(), rng))
    arguments = bdh.cli.parse(["train", "--out", str(run), "--resume"])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return arguments.run(arguments)


def manuscript(folder: Path, rng: random.Random) -> object:
    """An EPUB or a Word document that is uploaded."""
    kind = rng.choice([".epub", ".docx", ".txt"])
    data = text_file(rng) if kind == ".txt" else _packed(kind, rng)
    name = rng.choice(["x", "../../etc/passwd", "a/b", "C:\\x", "\0", "con", "é" * 300, ".", " "]) + kind
    path = import_novel(data, name, folder / "shelf", replace=False)
    assert path.resolve().parent == (folder / "shelf").resolve()
    return load_novel(path)


def _packed(kind: str, rng: random.Random) -> bytes:
    """Return a zipped manuscript with a damaged member, or a damaged archive."""
    inside = rng.random() < 0.7
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        hit = rng.choice(list(MANUSCRIPTS[kind]))
        for name, text in MANUSCRIPTS[kind].items():
            archive.writestr(name, damaged(text.encode(), rng) if inside and name == hit else text.encode())
    return packed.getvalue() if inside else damaged(packed.getvalue(), rng)


def kept_reading(folder: Path, rng: random.Random) -> object:
    """A file of the cache: it is loaded as it was stored, or not at all."""
    good = _good().reading
    (folder / good.name).write_bytes(one_of(_TENSORS, good.read_bytes(), rng))
    cache = ReadingCache(folder)
    cache.entries()
    found = cache.load("key")
    if found is not None and not np.array_equal(found["hidden"], _READING["hidden"]):
        raise AssertionError("a damaged reading was loaded")
    return cache.clear()


def kept_answers(folder: Path, rng: random.Random) -> object:
    """The file of answers: an answer is loaded as it was stored, or not at all, and a new one can be stored."""
    (folder / _good().answers.name).write_bytes(damaged(_good().answers.read_bytes(), rng))
    answers = AnswerCache(folder)
    answers.load("key")
    answers.count()
    answers.store("other", _ANSWER)
    if answers.load("other") != _ANSWER:
        raise AssertionError("an answer was not stored")
    return answers.clear()


def verdict_models(folder: Path, rng: random.Random) -> object:
    """A fitted model: of claims, of backstories, or the expected overlap of words."""
    name = rng.choice(sorted(_FITTED))
    data, path = (ROOT / "models" / name).read_bytes(), folder / Path(name).name
    path.write_bytes(one_of(_JSON if path.suffix == ".json" else (damaged,), data, rng))
    return _FITTED[name](path)


_FITTED: dict[str, Callable[[Path], object]] = {
    "judge/joint.json": MultinomialModel.load,
    "judge/bdh.json": MultinomialModel.load,
    "judge/backstory.json": LogisticModel.load,
    "verdict/background.npz": ExpectedOverlap.load,
}


PARSERS: dict[str, Parser] = {
    parser.__name__: parser
    for parser in (
        novel,
        backstory,
        csv_table,
        settings_file,
        beside_the_novel,
        model_folder,
        tokenizer,
        foreign_weights,
        training_place,
        training_run,
        manuscript,
        kept_reading,
        kept_answers,
        verdict_models,
    )
}


def outcome(name: str, case: int) -> str:
    """Return the outcome of a case: ``answered``, the name of a documented error, or ``FAULT`` with a description."""
    rng = random.Random(f"{name} {case}")
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        try:
            with _limited(PATIENCE), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                PARSERS[name](Path(folder), rng)
        except (PipelineError, bdh.BDHError) as error:
            if not str(error).strip() or "\n" in str(error):
                return f"FAULT not one line: {error!r}"
            return type(error).__name__
        except HangError:
            return f"FAULT took more than {PATIENCE} seconds of processor time"
        except Exception as error:
            return f"FAULT {type(error).__name__}: {error}"
    return "answered"


@contextlib.contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise HangError after so many seconds of processor time, or thirty times as many on the clock.

    On a busy machine, or one that pauses a process, the clock alone would report false hangs.
    """

    def hang(signum: int, frame: FrameType | None) -> None:
        raise HangError

    previous = {number: signal.signal(number, hang) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 30 * seconds)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)


@cache
def _nlp() -> Any:
    return load_nlp(None)


@cache
def _good() -> Good:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-good"))
    cache = ReadingCache(folder)
    cache.store("key", _READING, about={"novel": "x"})
    write_training_state(
        folder / "place.safetensors", {"weights.a": torch.ones(3)}, {"trainer": {"step": 1}, "processes": 1}
    )
    (stored,) = folder.glob("key*")
    AnswerCache(folder).store("key", _ANSWER)
    place = folder / "place.safetensors"
    return Good(save_little_reader(folder / "reader"), place, stored, folder / "cache.db", _trained(folder))


def _trained(folder: Path) -> Path:
    (folder / "text.txt").write_text("Anna Reed kept the ferry at Low Water. " * 40, encoding="utf-8")
    sizes = [
        "--n_layer",
        "1",
        "--n_embd",
        "8",
        "--n_head",
        "2",
        "--mlp_internal_dim_multiplier",
        "2",
        "--device",
        "cpu",
    ]
    length = ["--max_iters", "2", "--seq_len", "16", "--batch_size", "2", "--sample_tokens", "0", "--carry_state"]
    words = ["train", "--data", str(folder / "text.txt"), "--out", str(folder / "run"), *sizes, *length]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        arguments = bdh.cli.parse(words)
        arguments.run(arguments)
    return folder / "run"


def measure(cases: int = CASES, names: Sequence[str] = tuple(PARSERS)) -> Iterator[Measurement]:
    """Yield the outcomes of each parser, and last the faults of all."""
    logging.disable(logging.WARNING)
    faults, total = 0, 0
    for name in names:
        began = time.monotonic()
        found = Counter(_report(name, case) for case in range(cases))
        for what, count in sorted(found.items()):
            yield Measurement(f"{name}: {what}", count, f"of {cases} cases", f"{time.monotonic() - began:.0f} s in all")
        faults += found["FAULT"]
        total += cases
    yield Measurement("faults: neither a result nor a documented error", faults, f"of {total} cases", "all parsers")


def _report(name: str, case: int) -> str:
    what = outcome(name, case)
    if what.startswith("FAULT"):
        print(f"{name} {case}: {what}", file=sys.stderr, flush=True)
    return what.split()[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases; return 0 if none is a fault, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="of each parser (%(default)s)")
    parser.add_argument("--parser", action="append", choices=list(PARSERS), help="only this one; repeat")
    parser.add_argument("--case", type=int, help="only this case of each parser, with its traceback")
    options = parser.parse_args(arguments)
    names = options.parser or list(PARSERS)
    if options.case is not None:
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                print(PARSERS[name](Path(folder), random.Random(f"{name} {options.case}")))
        return 0
    faults = 0.0
    for measurement in measure(options.cases, names):
        print(f"{measurement.what}: {measurement.value:.0f} {measurement.unit} ({measurement.how})", flush=True)
        faults = measurement.value
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
