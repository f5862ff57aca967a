"""``pipeline.py`` and the other commands on the little story with the stand-in: output, artefacts and errors."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bdh import weights_hash
from pipeline.cli import judge_main, main
from pipeline.report.resources import read_schema
from tests.pipeline.command_line import Said, contents, refused, run
from tests.pipeline.little_story import BACKSTORY, OTHER_BACKSTORY, TEXT
from tests.pipeline.llm.groq_server import completes, serving

ROOT = Path(__file__).resolve().parents[2]
KEY = "gsk_this_is_the_secret_of_nobody"
SCHEMA_OF = {
    "Low Water.chunks.json": "chunks",
    "Low Water.states.json": "states",
    "Low Water.characters.json": "characters",
    "backstory.claims.json": "claims",
    "claim_chunk_pairs.json": "pairs",
    "backstory_consistency.json": "consistency",
    "reasoning.json": "reasoning",
    "manifest.json": "manifest",
}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in a folder of its own, where no .env lies."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def machine(stand_in_reader: Path) -> list[str]:
    """The flags that choose the stand-in."""
    return ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]


@pytest.fixture(scope="module")
def inputs(stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with backstories and everything that can be wrong with a file."""
    folder = tmp_path_factory.mktemp("inputs")
    texts = {
        "backstory.txt": BACKSTORY,
        "other.txt": OTHER_BACKSTORY,
        "empty.txt": "",
        "aliases.txt": "Rower=Anna Reed\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "binary.txt").write_bytes(b"\0\1\2" * 50)
    for name, data in {"hollow": b" \n", "noise": b"\0\1\2" * 50}.items():
        (folder / name).mkdir()
        (folder / name / "Novel.txt").write_bytes(data)
    (folder / "twins").mkdir()
    for name in ("One", "Two"):
        (folder / "twins" / f"{name}.txt").write_text(TEXT, encoding="utf-8")
    (folder / "void").mkdir()
    shutil.copytree(stand_in_reader, folder / "bare", ignore=shutil.ignore_patterns("claims"))
    return folder


@pytest.fixture(scope="module")
def flags(machine: list[str], shelf: Path, inputs: Path) -> list[str]:
    """The flags of a good run, but for its folders."""
    words = ["--target_character", "Anna Reed", "--backstory_file", str(inputs / "backstory.txt")]
    return [*words, "--novels_dir", str(shelf), *machine]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def good(flags: list[str], cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    """A good run from a cold cache, into a folder that held something before."""
    out = tmp_path_factory.mktemp("good")
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    return run(judge_main, *flags, "--out_dir", out, "--cache_dir", cache, "--track", "Tom Hale"), out


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_judge_exits_0_and_ends_with_the_verdict_and_the_report(good: tuple[Said, Path]) -> None:
    result, out = good
    verdict = load(out / "backstory_consistency.json")["verdict"]
    assert result.status == 0
    assert f"Anna Reed in Low Water: {verdict} (" in result.out[-2]
    assert result.out[-1] == f"report: {out / 'report.html'}"


def test_judge_prints_every_claim_and_every_file(good: tuple[Said, Path]) -> None:
    result, out = good
    text = "\n".join(result.out)
    assert all(claim["text"] in text for claim in load(out / "backstory.claims.json"))
    assert all(str(out / name) in result.out for name in SCHEMA_OF)


def test_manifest_names_every_set_of_weights_that_made_the_verdict(
    good: tuple[Said, Path], stand_in_reader: Path
) -> None:
    weights = load(good[1] / "manifest.json")["weights"]
    assert weights.keys() == {"reader", "bdh_verifier", "cross_encoder", "finder", "ranker", "verdict"}
    assert weights["reader"] == weights_hash(stand_in_reader)
    assert weights["bdh_verifier"] == weights_hash(stand_in_reader / "claims") != weights["reader"]


@pytest.mark.parametrize("name", SCHEMA_OF)
def test_artefact_satisfies_its_schema(good: tuple[Said, Path], name: str) -> None:
    Draft202012Validator(read_schema(SCHEMA_OF[name])).validate(load(good[1] / name))


def test_judge_leaves_other_files_of_the_folder_alone(good: tuple[Said, Path]) -> None:
    assert (good[1] / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert {path.name for path in good[1].iterdir()} == {*SCHEMA_OF, "report.html", "mine.txt"}


def test_track_adds_a_character_to_states_and_cast(good: tuple[Said, Path]) -> None:
    states, cast = load(good[1] / "Low Water.states.json"), load(good[1] / "Low Water.characters.json")
    assert all(list(state["bdh_char_state"]) == ["Anna Reed", "Tom Hale"] for state in states)
    assert [person["name"] for person in cast][:2] == ["Anna Reed", "Tom Hale"]
    assert len({person["name"] for person in cast}) == len(cast)


def test_judge_shows_progress_and_nothing_else_on_standard_error(good: tuple[Said, Path]) -> None:
    names = {line.split(":")[0] for line in good[0].err if line}
    assert names == {"Low Water", "Anna Reed", "Tom Hale"}


def test_second_run_reads_nothing_and_writes_the_same_bytes(
    good: tuple[Said, Path], flags: list[str], cache: Path, tmp_path: Path
) -> None:
    result = run(judge_main, *flags, "--out_dir", tmp_path, "--cache_dir", cache, "--track", "Tom Hale")
    before = contents(good[1])
    del before["mine.txt"]
    after = {name: data for name, data in contents(tmp_path).items() if name in before}
    assert after == before
    assert result.err == [], "no bar moves where nothing is read"


def test_cold_run_writes_the_same_bytes_again(good: tuple[Said, Path], flags: list[str], tmp_path: Path) -> None:
    run(judge_main, *flags, "--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "new", "--track", "Tom Hale")
    assert {**contents(tmp_path / "out"), "mine.txt": b"mine"} == contents(good[1])


def test_other_backstory_reads_nothing(
    flags: list[str], inputs: Path, cache: Path, tmp_path: Path, good: object
) -> None:
    result = run(
        judge_main, *flags, "--backstory_file", inputs / "other.txt", "--out_dir", tmp_path, "--cache_dir", cache
    )
    assert (result.status, result.err) == (0, [])


def test_new_character_does_not_read_the_book_again(
    flags: list[str], cache: Path, tmp_path: Path, good: object
) -> None:
    result = run(judge_main, *flags, "--target_character", "Dr Moss", "--out_dir", tmp_path, "--cache_dir", cache)
    assert result.status == 0
    assert {line.split(":")[0] for line in result.err if line} == {"Dr Moss"}


def test_tracking_the_target_itself_lists_it_once(flags: list[str], cache: Path, tmp_path: Path, good: object) -> None:
    run(judge_main, *flags, "--track", "Anna Reed", "--out_dir", tmp_path, "--cache_dir", cache)
    names = [person["name"] for person in load(tmp_path / "Low Water.characters.json")]
    assert names.count("Anna Reed") == 1


@pytest.mark.parametrize("how", [["--alias", "Rower=Anna Reed"], ["--aliases-file", "{inputs}/aliases.txt"]])
def test_alias_works_through_to_the_verdict(
    flags: list[str], cache: Path, inputs: Path, tmp_path: Path, how: list[str]
) -> None:
    words = [word.format(inputs=inputs) for word in how]
    result = run(judge_main, *flags, "--target_character", "Rower", *words, "--out_dir", tmp_path, "--cache_dir", cache)
    assert result.status == 0
    assert load(tmp_path / "backstory_consistency.json")["character"] == "Rower"
    pairs = load(tmp_path / "claim_chunk_pairs.json")
    assert any(pair["character_present"] for found in pairs.values() for pair in found)


@pytest.mark.parametrize("name", ["low water", "Low_Water.txt", "{shelf}/Low Water.txt"])
def test_novel_is_chosen_by_title_file_or_path(
    flags: list[str], cache: Path, shelf: Path, tmp_path: Path, name: str
) -> None:
    result = run(judge_main, *flags, "--novel", name.format(shelf=shelf), "--out_dir", tmp_path, "--cache_dir", cache)
    assert result.status == 0
    assert (tmp_path / "Low Water.chunks.json").is_file()


def test_flags_override_the_config_file(flags: list[str], cache: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("n_sent_per_chunk = 3\ntop-k = 2\noverlap = 1\n", encoding="utf-8")
    out = tmp_path / "out"
    run(judge_main, *flags, "--config", settings, "--overlap", "0", "--out-dir", out, "--cache-dir", cache)
    assert load(out / "manifest.json")["settings"]["text"]["chunks"] == {"n_sent_per_chunk": 3, "overlap": 0}
    assert {len(pairs) for pairs in load(out / "claim_chunk_pairs.json").values()} == {2}


WRONG = {
    "missing novels folder": ("--novels_dir {inputs}/nowhere", "does not exist"),
    "no novel in the folder": ("--novels_dir {inputs}/void", "no readable novel"),
    "empty novel": ("--novels_dir {inputs}/hollow --novel Novel", "holds no words"),
    "binary novel": ("--novels_dir {inputs}/noise --novel Novel", "not plain text"),
    "unknown novel": ("--novel Moby-Dick", "Low Water.txt"),
    "novel with too long a name": ("--novel " + "x" * 400, "no novel"),
    "empty backstory": ("--backstory_file {inputs}/empty.txt", "is empty"),
    "binary backstory": ("--backstory_file {inputs}/binary.txt", "binary"),
    "missing backstory": ("--backstory_file {inputs}/nowhere.txt", "cannot be read"),
    "backstory that is a folder": ("--backstory_file {inputs}/void", "cannot be read"),
    "unknown character": ("--target_character Annie~Reid", "the nearest names are 'Anna Reed'"),
    "unknown character of a named novel": ("--target_character Annie~Reid --novel Low~Water", "'Anna Reed'"),
    "empty character": ("--target_character=", "is empty"),
    "unknown tracked character": ("--track Ahab", "'Ahab' is named nowhere"),
    "character of several novels": ("--novels_dir {inputs}/twins", "'One.txt', 'Two.txt'"),
    "malformed alias": ("--alias nonsense", "ALIAS=NAME"),
    "missing aliases file": ("--aliases_file {inputs}/nowhere.txt", "cannot be read"),
    "chunks of nothing": ("--n_sent_per_chunk 0", "must be at least 1"),
    "overlap as large as a chunk": ("--n_sent_per_chunk 3 --overlap 3", "smaller than n_sent_per_chunk"),
    "no evidence wanted": ("--top_k 0", "top_k is 0"),
    "negative threads": ("--threads=-2", "threads is -2"),
    "more threads than any machine has": ("--threads 1000000", "threads is 1000000"),
    "negative seed": ("--seed=-1", "seed is -1"),
    "unknown device": ("--device tpu", "device is 'tpu'"),
    "unknown precision": ("--dtype fp8", "dtype is 'fp8'"),
    "missing model": ("--model_dir {inputs}/nowhere", "expected a folder with a trained model"),
    "model with too long a name": ("--model_dir " + "x" * 400, "too long"),
    "folder without a model": ("--model_dir {inputs}/void", "cannot be loaded"),
    "folder without a verifier": ("--model_dir {inputs}/bare", "verifier cannot be loaded"),
    "missing judge": ("--judge_dir {inputs}/void", "backstory.json"),
    "spaCy model that is not installed": ("--spacy_model no_such_model", "neither installed nor a folder"),
    "cache that is a file": ("--cache_dir {inputs}/backstory.txt", "--cache_dir"),
    "unknown flag": ("--nonsense", "see pipeline.py --help"),
    "flag without its value": ("--top_k", "see pipeline.py --help"),
    "word for a number": ("--top_k many", "see pipeline.py --help"),
    "missing config": ("--config {inputs}/nowhere.toml", "TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_error_and_loses_no_file(
    flags: list[str], cache: Path, inputs: Path, tmp_path: Path, case: str
) -> None:
    words, wanted = WRONG[case]
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.html", "manifest.json", "mine.txt"):
        (out / name).write_text(f"old {name}", encoding="utf-8")
    before = contents(out)
    wrong = [word.replace("~", " ") for word in words.format(inputs=inputs).split()]
    assert wanted in refused(judge_main, *flags, "--out_dir", out, "--cache_dir", cache, *wrong)
    assert contents(out) == before


def test_output_folder_that_is_a_file_is_an_error(flags: list[str], cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        assert "--out_dir" in refused(judge_main, *flags, "--cache_dir", cache, "--out_dir", out)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_damaged_weights_are_an_error(flags: list[str], stand_in_reader: Path, cache: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(stand_in_reader, tmp_path / "reader"))
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    error = refused(judge_main, *flags, "--model_dir", broken, "--out_dir", tmp_path / "out", "--cache_dir", cache)
    assert "damaged" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target_character", "Anna Reed"], "--target_character is given without --backstory_file"),
        (["--backstory_file", "b.txt"], "b.txt cannot be read"),
        (["--novel", "Low Water"], "--novel is given without --backstory_file"),
        (["--novels_dir", "mine"], "--novels_dir is given without --backstory_file"),
        (["--track", "Tom Hale"], "--track is given without --backstory_file"),
    ],
)
def test_incomplete_input_is_an_error(words: list[str], message: str) -> None:
    assert message in refused(judge_main, *words)


def test_interrupted_run_prints_how_to_go_on(flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.reading.stream.Stream.advance", interrupt)
    result = run(judge_main, *flags, "--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache")
    assert result.status == 130
    assert "run the same command again" in result.err[-1]


def test_terminal_without_a_letter_loses_no_output(machine: list[str], tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("Étienne Kéravel came. Then Étienne Kéravel and Anna went.", encoding="utf-8")
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, encoding="ascii")) as out:
        assert main(["characters", str(tmp_path / "n.txt")]) == 0
        out.flush()
    assert b"?tienne K?ravel" in raw.getvalue()


def test_importing_the_entry_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'spacy', 'pandas', 'sklearn', 'groq', 'numpy'}"
    check = f"import sys, pipeline.cli; print({heavy} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_script_prints_its_help_from_any_folder(tmp_path: Path) -> None:
    for script in ("pipeline.py", "run_dataset.py"):
        found = subprocess.run(
            [sys.executable, str(ROOT / script), "--help"], cwd=tmp_path, capture_output=True, text=True
        )
        assert found.returncode == 0
        assert f"usage: {script}" in found.stdout


@pytest.mark.parametrize("exported", [None, "gsk_the_exported_one"])
def test_key_comes_from_env_file_unless_it_is_exported_and_appears_nowhere(
    flags: list[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: str | None
) -> None:
    Path(".env").write_text(f"GROQ_API_KEY={KEY}\n", encoding="utf-8")
    if exported:
        monkeypatch.setenv("GROQ_API_KEY", exported)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    own_cache = Path(shutil.copytree(cache, tmp_path / "cache"))
    kind = {"type": "event", "time_scope": "adulthood", "stability": "long_term"}
    with serving() as server:
        server.script(completes({"claims": [{"text": "Her father drowned.", **kind}]}))
        monkeypatch.setenv("GROQ_BASE_URL", server.url)
        result = run(judge_main, *flags, "--llm", "claims", "--out_dir", tmp_path / "out", "--cache_dir", own_cache)
        sent = [request.headers["Authorization"] for request in server.requests]
    assert result.status == 0
    assert sent == [f"Bearer {exported or KEY}"]
    for key in filter(None, (KEY, exported)):
        assert key not in "".join([*result.out, *result.err])
        written = {**contents(tmp_path / "out"), **contents(own_cache)}
        assert [name for name, data in written.items() if key.encode() in data] == []


def test_bad_claims_of_groq_are_requested_once_more_and_then_made_by_the_heuristic_with_a_notice(
    flags: list[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    own_cache = Path(shutil.copytree(cache, tmp_path / "cache"))
    run(judge_main, *flags, "--out_dir", tmp_path / "by_rules", "--cache_dir", own_cache)
    with serving() as server:
        bad = completes({"claims": [{"text": "Her father drowned.", "type": "rumour"}]})
        server.script(bad, bad, completes({"claims": []}))
        monkeypatch.setenv("GROQ_BASE_URL", server.url)
        result = run(judge_main, *flags, "--llm", "claims", "--out_dir", tmp_path / "out", "--cache_dir", own_cache)
    assert result.status == 0
    assert len(server.requests) == 2
    notice = "note: Groq did not split the backstory into claims, the heuristic did: Groq gave two invalid answers"
    assert any(line.startswith(notice) for line in [*result.out, *result.err])
    made = [json.loads((tmp_path / name / "backstory.claims.json").read_text()) for name in ("out", "by_rules")]
    assert made[0] == made[1]


def test_cache_is_shown_and_cleared_by_its_owner(flags: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    run(judge_main, *flags, "--out_dir", tmp_path / "out", "--cache_dir", folder)
    shown = run(main, "cache", "show", "--cache-dir", folder)
    assert shown.status == 0
    assert any("Low Water: whole novel" in line for line in shown.out)
    assert any("Low Water: Anna Reed" in line for line in shown.out)
    assert shown.out[-1] == f"2 readings, 0 checkpoints and 3 answers in {folder}"
    assert run(main, "cache", "clear", "--cache_dir", folder).out == [
        f"removed 2 readings, 0 checkpoints and 3 answers from {folder}"
    ]
    assert run(main, "cache", "show", "--cache_dir", folder).out == [
        f"0 readings, 0 checkpoints and 0 answers in {folder}"
    ]


def test_cache_path_is_that_of_the_environment(tmp_path: Path) -> None:
    assert run(main, "cache", "path").out == [str(tmp_path / "readings")]


def test_characters_lists_the_cast_as_a_table(shelf: Path) -> None:
    result = run(main, "characters", "low water", "--novels-dir", shelf)
    assert result.status == 0
    assert result.out[0].split() == ["name", "mentions", "chunks", "aliases"]
    (anna,) = [line for line in result.out if line.startswith("Anna Reed")]
    assert [int(number) for number in anna.split()[2:4]] == [5, 5]
    mentions = [int(line[line.index("  ") :].split()[0]) for line in result.out[1:]]
    assert mentions == sorted(mentions, reverse=True)


@pytest.mark.parametrize(
    "words", [["characters", "Moby-Dick"], ["characters"], ["cache", "burn"], [], ["juggle"], ["cache", "show", "--x"]]
)
def test_wrong_words_are_an_error(words: list[str], shelf: Path) -> None:
    novels = ["--novels_dir", str(shelf)] if words[:1] == ["characters"] else []
    assert refused(main, *words, *novels)


def test_characters_joins_the_cast_by_aliases(shelf: Path, tmp_path: Path) -> None:
    listed = tmp_path / "aliases.txt"
    listed.write_text("# the doctor\nMoss=Anna Reed\n", encoding="utf-8")
    plain = run(main, "characters", "low water", "--novels-dir", shelf)
    for given in (["--alias", "Moss=Anna Reed"], ["--aliases_file", str(listed)]):
        result = run(main, "characters", "low water", "--novels-dir", shelf, *given)
        (anna,) = [line for line in result.out if line.startswith("Anna Reed")]
        assert "Dr Moss" in anna
        assert len(result.out) == len(plain.out) - 1
    assert refused(main, "characters", "low water", "--novels-dir", str(shelf), "--alias", "Moss")


def test_characters_proposes_names_and_stores_those_that_are_confirmed(tmp_path: Path) -> None:
    text = TEXT + "\nDr Moss, known as the Heron, slept.\n"
    (tmp_path / "Low Water.txt").write_text(text, encoding="utf-8")
    words = ["characters", "low water", "--novels-dir", tmp_path]
    proposal = "  --confirm 'the Heron=Dr Moss'  “Dr Moss, known as the Heron, slept.”"
    assert run(main, *words).out[-1] == proposal
    assert not (tmp_path / "Low Water.aliases").exists()
    said = run(main, *words, "--confirm", "the Heron=Dr Moss")
    assert said.out[0] == f"the Heron=Dr Moss: stored in {tmp_path / 'Low Water.aliases'}"
    assert proposal not in said.out and proposal not in run(main, *words).out
    listed = tmp_path / "mine.txt"
    run(main, *words, "--confirm", "Eels=Tom Hale", "--aliases_file", listed)
    assert listed.read_text(encoding="utf-8") == "Eels=Tom Hale\n"


def test_characters_says_who_tells_the_novel(tmp_path: Path) -> None:
    (tmp_path / "Mill.txt").write_text(
        "My name is Jim Penrose. I rowed. I slept in my own boat, and I woke.", encoding="utf-8"
    )
    said = run(main, "characters", "Mill", "--novels-dir", tmp_path)
    assert said.out[1].split()[:2] == ["Jim", "Penrose"] and "[told by this character: 3 sentences]" in said.out[1]
    assert any(line.startswith("note: the novel is told in the first person") for line in said.err)
    other = run(main, "characters", "Mill", "--novels-dir", tmp_path, "--narrator", "none")
    assert not any("told by this character" in line for line in other.out)


@pytest.mark.parametrize("finder", [[], ["--spacy_model", "rules"]])
def test_characters_lists_full_names(finder: list[str], shelf: Path) -> None:
    result = run(main, "characters", "low water", "--novels-dir", shelf, *finder)
    assert [line.split("  ")[0] for line in result.out[1:]] == ["Anna Reed", "Dr Moss", "Tom Hale"]
