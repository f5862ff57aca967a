"""Runs killed at random moments and restarted, compared with undisturbed runs.

A reading of the bundled story, a run over the example tables and a tiny training run are each killed (SIGKILL) at
random moments and started again. A restart must succeed, with the bytes of an undisturbed run (training: the weights,
the losses and the training state), and no file may ever be half-written under its final name.

Every run is its own process, forked from this one after the libraries were imported, so that the kills hit the work and
not the imports. The encoder is tiny and random: the files are tested, not the verdicts.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tqdm import tqdm

import bdh.cli
import pipeline.cli
import pipeline.commands.judge_book  # loaded once here, not in every killed process
import pipeline.commands.judge_tables
from benchmarks.little_reader import save_little_reader
from benchmarks.measurement import Measurement

TESTS = ("tests/robustness/test_crashes.py",)
ALONE = True
"""Takes half an hour: run only if it is named."""
ROOT = Path(__file__).resolve().parents[1]
KILLS = 50
_PATIENCE = 3600.0
_TIMED = ("tokens_per_second", "seconds")
_UNFINISHED = (".partial", ".lock", "-journal")
"""Endings of files that are not whole yet, locks and journals of SQLite: they may be left over after a kill."""
_ANSWERS = "cache.db"


@dataclass(frozen=True)
class Subject:
    """A run to kill: ``start`` runs it in a folder (again after a kill), ``look`` returns the digests of its files."""

    name: str
    start: Callable[[Path], int]
    look: Callable[[Path], dict[str, str]]


@dataclass(frozen=True)
class Outcome:
    """One kill of a running process: its time, and what was wrong after the restart ("" if nothing was)."""

    moment: float
    fault: str


def subjects(ground: Path, *, size: int | None = None, judge: str | None = None) -> list[Subject]:
    """Return the three subjects, with a tiny encoder and ``size`` characters of the novel in ``ground``.

    With a ``size`` all is small: names by rules, three passages per claim, half the training steps. ``judge`` is the
    folder of the judge, the shipped one if it is None.
    """
    reader = save_little_reader(ground / "reader")
    novels = ground / "novels"
    novels.mkdir()
    story = (ROOT / "novels" / "The Unlit Hour.txt").read_text(encoding="utf-8")[:size]
    (novels / "The Unlit Hour.txt").write_text(story, encoding="utf-8")
    machine = ["--model_dir", str(reader), "--novels_dir", str(novels), "--device", "cpu", "--dtype", "fp32"]
    machine += ["--save_every_seconds", "0.1"]  # so that there is a saved state at the time of a kill
    machine += ["--threads", "1", *([] if size is None else ["--spacy_model", "rules", "--top_k", "3"])]
    machine += [] if judge is None else ["--judge_dir", judge, "--ranker", judge]
    examples = _tables(ground, size)

    def read(folder: Path) -> int:
        flags = ["--target_character", "Hester Lanyon", "--novel", "The Unlit Hour"]
        flags += ["--backstory_file", str(ROOT / "examples" / "backstory_inconsistent.txt")]
        return pipeline.cli.judge_main([*flags, *machine, *_places(folder)])

    def judge_tables(folder: Path) -> int:
        tables = ["--train_csv", str(examples / "train.csv"), "--test_csv", str(examples / "test.csv")]
        return pipeline.cli.dataset_main([*tables, "--folds", "2", "--repeats", "2", *machine, *_places(folder)])

    def train(folder: Path) -> int:
        out = folder / "run"
        sizes = ["--n_layer", "2", "--n_embd", "16", "--n_head", "2", "--mlp_internal_dim_multiplier", "4"]
        length = [
            "--max_iters",
            "60" if size is None else "30",
            "--eval_interval",
            "4",
            "--log_interval",
            "2",
            "--seq_len",
            "64",
        ]
        rest = ["--batch_size", "4", "--eval_tokens", "200", "--sample_tokens", "0", "--device", "cpu", "--carry_state"]
        new = ["train", "--data", str(novels), "--out", str(out), *sizes, *length, *rest]
        place = out / "last" / "training.safetensors"
        return bdh.cli.main(["train", "--out", str(out), "--resume"] if place.is_file() else new)

    return [
        Subject("reading of the bundled story", read, _bytes_left),
        Subject("run over the example tables", judge_tables, _bytes_left),
        Subject("training run", train, _training_left),
    ]


def _tables(ground: Path, size: int | None) -> Path:
    """Return a folder with the example tables: all of their rows, or of a cut story the first eight and two."""
    for name, rows in (("train.csv", 8), ("test.csv", 2)):
        lines = (ROOT / "examples" / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (ground / name).write_text("".join(lines if size is None else lines[: rows + 1]), encoding="utf-8")
    return ground


def _places(folder: Path) -> list[str]:
    return ["--out_dir", str(folder / "out"), "--cache_dir", str(folder / "cache")]


def _bytes_left(folder: Path) -> dict[str, str]:
    """Return the digest of every complete file in a folder; of stored answers, which have times, that of the rows."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_unfinished(path))
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            repr(_rows(path)).encode() if path.name == _ANSWERS else path.read_bytes()
        ).hexdigest()
        for path in files
    }


def _rows(answers: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(answers)) as connection:
        return connection.execute("SELECT key, value FROM Cache ORDER BY key").fetchall()


def _training_left(folder: Path) -> dict[str, str]:
    """Return the digests of a run's weights and training state, and its losses without the speed of its steps."""
    run = folder / "run"
    found = {}
    for path in sorted(run.glob("*/*.safetensors")):
        tensors = load_file(path)
        digest = hashlib.sha256()
        for name in sorted(tensors):
            digest.update(name.encode() + tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        found[str(path.relative_to(folder))] = digest.hexdigest()
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        record = {name: value for name, value in json.loads(line).items() if name not in _TIMED}
        found[f"step {record['step']}"] = json.dumps(record, sort_keys=True)
    return found


def half_written(folder: Path) -> list[str]:
    """Return the files in a folder that have their final name and are incomplete."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_unfinished(path))
    return [str(path.relative_to(folder)) for path in files if not _is_whole(path)]


def _is_unfinished(path: Path) -> bool:
    """Return True if the name marks a file as incomplete; safetensors writes to a hidden ``.tmp...`` first."""
    return path.name.endswith(_UNFINISHED) or path.name.startswith(".tmp")


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        elif path.name == _ANSWERS:
            return _is_sound(path)
        elif path.suffix == ".html":
            return path.read_text(encoding="utf-8").rstrip().endswith("</html>")
        else:
            return path.read_bytes().endswith(b"\n")
    except Exception:
        return False
    return True


def _is_sound(answers: Path) -> bool:
    """Return True if SQLite finds no damage after rolling back the transaction of a killed process."""
    with contextlib.closing(sqlite3.connect(answers)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fork(start: Callable[[Path], int], folder: Path) -> int:
    """Run ``start`` in its own process, its output in ``<folder>.log``; return the process id."""
    folder.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if process:
        return process
    status = 70
    try:
        log = os.open(folder.with_name(folder.name + ".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        tqdm.set_lock(threading.RLock())  # the default lock is shared by all forks, and a killed one may have locked it
        status = start(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def wait(process: int) -> int:
    """Return the exit status of a process, negative for a signal; one that does not end in time is killed."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    raise TimeoutError(f"a run did not end in {_PATIENCE:.0f} seconds")


def kill_at_random(subject: Subject, kills: int, *, seed: int, ground: Path) -> Iterator[Outcome]:
    """Yield the outcome of ``kills`` runs, each killed at a random moment within the time of an undisturbed run.

    A run that ends earlier does not count, and the next moments are drawn from a shorter time.
    """
    _warm_up(subject, ground)
    began = time.monotonic()
    whole = ground / "whole"
    if wait(fork(subject.start, whole)) != 0:
        raise RuntimeError(f"{subject.name} fails undisturbed: {_last_line(whole)}")
    seconds = time.monotonic() - began
    expected = subject.look(whole)
    rng = random.Random(f"{seed} {subject.name}")
    number = counted = 0
    while counted < kills:
        folder, moment = ground / f"kill{number}", rng.uniform(0, seconds)
        number += 1
        process = fork(subject.start, folder)
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
        if wait(process) != -signal.SIGKILL:
            seconds = max(seconds * 0.9, 0.01)
            continue
        counted += 1
        yield Outcome(moment, _fault(subject, folder, expected))
        shutil.rmtree(folder)


def _warm_up(subject: Subject, ground: Path) -> None:
    """Run once in this process, so that late imports of libraries are done ahead of the forks.

    Not a training: a process in which torch has computed gradients must not be forked.
    """
    if subject.look is not _training_left:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            subject.start(ground / "warm")


def _fault(subject: Subject, folder: Path, expected: dict[str, str]) -> str:
    """Restart the killed run and return what is wrong with it, "" if nothing is."""
    broken = half_written(folder)
    if broken:
        return f"half-written: {', '.join(broken)}"
    status = wait(fork(subject.start, folder))
    if status != 0:
        return f"the restart ended with {status}: {_last_line(folder)}"
    found = subject.look(folder)
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return f"differs from an undisturbed run: {', '.join(differing)}" if differing else ""


def _last_line(folder: Path) -> str:
    lines = folder.with_name(folder.name + ".log").read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else ""


def measure(
    kills: int = KILLS, seed: int = 0, names: Sequence[str] = (), size: int | None = None, judge: str | None = None
) -> Iterator[Measurement]:
    """Yield for each subject how many of its killed runs ended like an undisturbed one."""
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # no monitor thread: a process with threads cannot be forked safely
    with tempfile.TemporaryDirectory(prefix="crash") as folder:
        for number, subject in enumerate(subjects(Path(folder), size=size, judge=judge)):
            if names and not any(name in subject.name for name in names):
                continue
            outcomes = list(kill_at_random(subject, kills, seed=seed, ground=Path(folder) / str(number)))
            for outcome in outcomes:
                if outcome.fault:
                    print(f"{subject.name}, killed after {outcome.moment:.3f} s: {outcome.fault}", file=sys.stderr)
            how = f"of {kills} SIGKILLs at random moments of a run that still ran (seed {seed})"
            good = sum(not outcome.fault for outcome in outcomes)
            yield Measurement(f"{subject.name}, killed and started again", good, "finished as if never killed", how)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill and restart; return 0 if every restart ended like an undisturbed run, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash_and_resume", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="of each subject (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--size", type=int, help="only so many characters of the story")
    parser.add_argument("--judge_dir", metavar="DIR", help="folder of the judge (the shipped one)")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="subjects with this word; repeat")
    options = parser.parse_args(arguments)
    faults = 0
    for measurement in measure(options.kills, options.seed, options.only, options.size, options.judge_dir):
        print(f"{measurement.what}: {measurement.value:.0f} {measurement.unit} ({measurement.how})", flush=True)
        faults += measurement.value < options.kills
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
