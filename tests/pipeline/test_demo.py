"""The bundled story judged with what ships, as ``python pipeline.py`` does it: one cold reading for the whole file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.api import judge, read
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.report.resources import read_schema
from tests.pipeline.command_line import contents
from tests.pipeline.test_pairs import BUNDLED, check_outcomes, check_quotations, judged
from tests.test_notebook import CELLS, printed

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
STORY = ROOT / "novels" / "The Unlit Hour.txt"
KEY = "gsk_this_is_the_secret_of_nobody"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
CONFIG = PipelineConfig(reading=ReadingConfig(device="cpu", dtype="fp32"))
# Not what the run decided: what is installed, and hashes of weights, which change with every training.
OF_THE_MACHINE = {"packages", "weights"}

pytestmark = pytest.mark.slow


def demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script from a folder of its own, where a key lies in .env."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".env").write_text(f"GROQ_API_KEY={KEY}\n", encoding="utf-8")
    machine = ["--threads", "1", "--device", "cpu", "--dtype", "fp32"]
    command = [sys.executable, str(ROOT / "pipeline.py"), *machine, "--cache_dir", str(folder / "cache"), *words]
    return subprocess.run(command, cwd=folder, env=ONE_THREAD, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo runs."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def cold(folder: Path) -> subprocess.CompletedProcess[str]:
    """The demo, with nothing read before."""
    return demo(folder, "--out_dir", str(folder / "cold"))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_demo_reaches_a_verdict_on_the_bundled_story(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert cold.returncode == 0, cold.stderr
    lines = cold.stdout.splitlines()
    verdict = load(folder / "cold" / "backstory_consistency.json")
    assert lines[0].startswith("no backstory given: judging the bundled story")
    assert lines[-2].startswith(f"Hester Lanyon in The Unlit Hour: {verdict['verdict']} (")
    assert lines[-1] == f"report: {folder / 'cold' / 'report.html'}"


def test_demo_shows_progress_and_no_chatter_of_libraries(cold: subprocess.CompletedProcess[str]) -> None:
    names = {line.split(":")[0] for line in cold.stderr.replace("\r", "\n").splitlines() if line}
    assert names == {"The Unlit Hour", "Hester Lanyon"}


def test_demo_artefacts_keep_to_their_schemas(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    for name, schema in (
        ("The Unlit Hour.chunks.json", "chunks"),
        ("The Unlit Hour.states.json", "states"),
        ("The Unlit Hour.characters.json", "characters"),
        ("backstory.claims.json", "claims"),
        ("claim_chunk_pairs.json", "pairs"),
        ("backstory_consistency.json", "consistency"),
        ("reasoning.json", "reasoning"),
        ("manifest.json", "manifest"),
    ):
        Draft202012Validator(read_schema(schema)).validate(load(folder / "cold" / name))


def test_demo_quotes_the_story_word_for_word(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    story = STORY.read_text(encoding="utf-8")
    pairs = [pair for found in load(folder / "cold" / "claim_chunk_pairs.json").values() for pair in found]
    assert len(pairs) == 10 * len(load(folder / "cold" / "backstory.claims.json"))
    assert [pair["quotation"] for pair in pairs] == [story[pair["start"] : pair["end"]] for pair in pairs]


def test_demo_finds_the_passages_that_decide(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    claims = load(EXAMPLES / "truth.json")["backstory_inconsistent.txt"]["claims"]
    chunks = load(folder / "cold" / "The Unlit Hour.chunks.json")
    shown = [
        " ".join(chunks[str(pair["chunk"])]["raw_text"] for pair in found)
        for found in load(folder / "cold" / "claim_chunk_pairs.json").values()
    ]
    assert len(claims) == len(shown)
    stated = [(claim, text) for claim, text in zip(claims, shown, strict=True) if claim["quotation"]]
    found = [claim["quotation"] in text for claim, text in stated]
    assert sum(found) >= len(found) - 1


def test_demo_encoder_has_learned_english(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    states = load(folder / "cold" / "The Unlit Hour.states.json")
    surprisal = [state["surprisal"] for state in states]
    assert sum(surprisal) / len(surprisal) < 1.8, "bits per byte of a story that it has never seen"


@pytest.mark.parametrize(
    "name",
    [
        "The Unlit Hour.chunks.json",
        "The Unlit Hour.states.json",
        "The Unlit Hour.characters.json",
        "backstory.claims.json",
        "claim_chunk_pairs.json",
        "backstory_consistency.json",
        "reasoning.json",
    ],
)
def test_demo_artefact_is_the_golden_one(
    cold: subprocess.CompletedProcess[str], folder: Path, golden: Callable[[str, Any], None], name: str
) -> None:
    golden(f"demo/{name}", load(folder / "cold" / name))


def test_demo_manifest_is_the_golden_one(
    cold: subprocess.CompletedProcess[str], folder: Path, golden: Callable[[str, Any], None]
) -> None:
    manifest = load(folder / "cold" / "manifest.json")
    stored = {name: value for name, value in manifest.items() if name not in OF_THE_MACHINE}
    golden("demo/manifest.json", stored | {"files": [file["name"] for file in manifest["files"]]})


def test_demo_prints_the_golden_lines(
    cold: subprocess.CompletedProcess[str], folder: Path, golden: Callable[[str, Any], None]
) -> None:
    golden("demo/printed.json", cold.stdout.replace(f"{folder / 'cold'}{os.sep}", "").splitlines())


def test_demo_keeps_a_key_to_itself(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert KEY not in cold.stdout + cold.stderr
    assert [name for name, data in contents(folder).items() if KEY.encode() in data] == [".env"]


def test_second_demo_reads_nothing_and_writes_the_same_bytes(
    cold: subprocess.CompletedProcess[str], folder: Path
) -> None:
    warm = demo(folder, "--out-dir", str(folder / "warm"))
    assert (warm.returncode, warm.stderr) == (0, "")
    assert contents(folder / "warm") == contents(folder / "cold")


@pytest.mark.usefixtures("shipped_judge")
def test_other_backstory_from_python_reads_nothing(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    stored = contents(folder / "cache")
    backstory = "At fifteen Hester Lanyon was bound apprentice to a firm of instrument makers."
    verdict = judge(STORY, backstory, character="Hester Lanyon", config=CONFIG, cache_dir=folder / "cache")
    (claim,) = verdict.claims
    assert claim.label == "supported"
    assert "instrument makers" in claim.rationale
    assert any("Aird and Son, instrument makers" in pair.quotation for pair in claim.pairs)
    after = contents(folder / "cache")
    answers = str(Path("answers") / "cache.db")
    rows = [{key for key, _ in json.loads(files.pop(answers))} for files in (stored, after)]
    assert rows[0] < rows[1]
    assert after == stored, "answers, and no reading"


def test_reading_from_python_is_the_one_the_script_made(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    reading = read(STORY, characters=["Hester Lanyon"], config=CONFIG, cache_dir=folder / "cache")
    written = load(folder / "cold" / "The Unlit Hour.states.json")
    assert len(reading.states) == len(written)
    for state, own, entry in zip(reading.states, reading.characters["Hester Lanyon"], written, strict=True):
        assert entry["surprisal"] == pytest.approx(state.surprisal, abs=1e-6)
        assert entry["character_present"] == {"Hester Lanyon": own.present}


def test_notebook_runs_and_reaches_the_verdict_that_it_shows(
    cold: subprocess.CompletedProcess[str], folder: Path
) -> None:
    pytest.importorskip("matplotlib")
    program = "\nprint('-- end of cell')\n".join("".join(cell["source"]) for cell in CELLS)
    own = {"MPLBACKEND": "Agg", "BDH_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore:.*non-interactive", "-c", program]
    done = subprocess.run(command, cwd=folder, env=ONE_THREAD | own, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = [printed(cell) for cell in CELLS]
    ran = done.stdout.split("-- end of cell\n")
    assert [bool(text) for text in ran] == [bool(text) for text in shown]
    assert ran[1] == shown[1]
    verdicts = [
        next(text for text in texts if "probability of consistent" in text).split(",")[0] for texts in (ran, shown)
    ]
    assert verdicts[0] == verdicts[1]


@pytest.mark.usefixtures("shipped_judge")
def test_pairs_of_the_story_are_judged_with_verbatim_quotations(
    cold: subprocess.CompletedProcess[str], folder: Path
) -> None:
    check_quotations(*judged(BUNDLED, folder / "cache"))


@pytest.mark.usefixtures("shipped_judge")
def test_pairs_of_the_story_that_are_right_stay_right(cold: subprocess.CompletedProcess[str], folder: Path) -> None:
    check_outcomes(BUNDLED, *judged(BUNDLED, folder / "cache"))
