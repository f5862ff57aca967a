"""The command line of the library: training, evaluation, generation and conversion; errors are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import bdh
from bdh.cli import main
from bdh.model import BDH
from bdh.tokenizer import BPETokenizer

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 40
FIXTURE = Path(__file__).parents[1] / "fixtures" / "official_tiny.safetensors"
SIZES = ["--n_layer", "2", "--n_embd", "16", "--n_head", "2", "--mlp_internal_dim_multiplier", "4", "--device", "cpu"]
STEPS = ["--max_iters", "6", "--batch_size", "2", "--seq_len", "24", "--log_interval", "2", "--eval_interval", "4"]
STEPS += ["--sample_tokens", "8"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that the command line made."""
    folder = tmp_path_factory.mktemp("run")
    assert main(["train", "--data", str(text), "--out", str(folder), *SIZES, *STEPS]) == 0
    return folder


def test_train_leaves_models_and_metrics(run: Path) -> None:
    files = {"metrics.jsonl", "metrics.csv", "settings.toml", "baseline_metrics.md"}
    assert {path.name for path in run.iterdir()} == {"last", "best", *files}
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["step"] for record in records] == [2, 4, 6]
    assert [("val_loss" in record) for record in records] == [False, True, True]
    assert bdh.load(run / "last")[0].config.n_layer == 2


def test_train_prints_its_data_and_progress(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", str(text), "--out", str(tmp_path), *SIZES, *STEPS]) == 0
    output = capsys.readouterr().out
    assert "1 documents, 2,556 tokens" in output and "validation" in output and "bits a byte (best)" in output


def test_train_with_hyphens_is_train_with_underscores(run: Path, text: Path, tmp_path: Path) -> None:
    flags = [flag.replace("_", "-") for flag in [*SIZES, *STEPS]]
    assert main(["train", "--data", str(text), "--out", str(tmp_path), *flags]) == 0
    mine, theirs = (load_file(folder / "last" / "model.safetensors") for folder in (tmp_path, run))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("flags", [[], ["--carry_state", "--reset_probability", "0.2"]])
def test_resumed_training_ends_like_an_uninterrupted_one(text: Path, tmp_path: Path, flags: list[str]) -> None:
    steady = ["--lr", "1e-3", "--min_lr", "1", "--warmup", "0", *flags]  # a step size that does not depend on the end
    for name, lengths in (("whole", ["8"]), ("parts", ["4", "8"])):
        for number, length in enumerate(lengths):
            again = ["--resume"] if number else []
            base = ["train", "--data", str(text), "--out", str(tmp_path / name), *SIZES, *STEPS, *steady]
            assert main([*base, "--max_iters", length, *again]) == 0
    whole, parts = (load_file(tmp_path / name / "last" / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_train_a_bpe_with_damping_on_a_folder(text: Path, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(TEXT[number * 900 :], encoding="utf-8")
    flags = ["--tokenizer", "bpe", "--vocab_size", "300", "--decay", "0.9,0.99", "--learn_decay", "--carry_state"]
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), *SIZES, *STEPS, *flags]) == 0
    model, tokenizer = bdh.load(tmp_path / "run" / "last")
    assert isinstance(tokenizer, BPETokenizer) and isinstance(model, BDH)
    assert model.config.vocab_size == tokenizer.vocab_size > 256
    assert model.config.learn_decay and model.config.decay == (0.9, 0.99)


def test_bpe_is_not_trained_on_held_out_text(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("aaaa bbbb " * 180 + "xyxyxyxy " * 20, encoding="utf-8")
    flags = ["--tokenizer", "bpe", "--out", str(tmp_path / "run"), "--data", str(tmp_path / "story.txt")]
    assert main(["train", *flags, *SIZES, *STEPS]) == 0
    tokenizer = bdh.load_tokenizer(tmp_path / "run" / "last" / "tokenizer.json")
    assert len(tokenizer.encode(" bbbb")) == 1 and len(tokenizer.encode("xyxy")) == 4


def test_evaluate_prints_metrics_as_json(run: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["evaluate", "--model", str(run / "last"), "--text", str(text), "--device", "cpu"]
    assert main(base) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["documents"] == 1 and figures["tokens"] == figures["bytes"] == len(TEXT) - 1
    assert figures["bits_per_byte"] == pytest.approx(figures["loss"] * 1.442695, rel=1e-5)
    assert main([*base, "--reset-every", "64", "--segment", "50", "--dtype", "bf16"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(figures["loss"], rel=0.05)


def test_generate_continues_the_prompt(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["generate", "--model", str(run / "last"), "--device", "cpu", "--max-new-tokens", "30"]
    texts = []
    for seed in ("1", "1", "2"):
        assert main([*flags, "--prompt=--the ferry-man é", "--top-k", "200", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("--the ferry-man é") and texts[0].endswith("\n")


def test_generate_prints_every_token(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, tokenizer = bdh.load(run / "last")
    expected = list(bdh.generate(model, tokenizer.encode("the"), max_new_tokens=40, temperature=0))
    flags = [
        "generate",
        "--model",
        str(run / "last"),
        "--device",
        "cpu",
        "--max_new_tokens",
        "40",
        "--temperature",
        "0",
    ]
    assert main([*flags, "--prompt", "the"]) == 0
    assert capsys.readouterr().out == "the" + tokenizer.decode(expected) + "\n"


def test_convert_reads_official_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    official = load_file(FIXTURE)
    weights = {name.removeprefix("weights."): value for name, value in official.items() if name.startswith("weights.")}
    torch.save({f"_orig_mod.{name}": value for name, value in weights.items()}, tmp_path / "official.pt")
    assert main(["convert", str(tmp_path / "official.pt"), str(tmp_path / "out"), "--n-layer", "3"]) == 0
    assert "65,536 parameters" in capsys.readouterr().out
    model, _ = bdh.load(tmp_path / "out")
    with torch.inference_mode():
        logits = model(official["short.tokens"].long()).logits
    assert float((logits - official["short.logits"]).abs().max()) < 1e-4


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    output = capsys.readouterr().out
    assert caught.value.code == 0 and all(name in output for name in ("train", "generate", "evaluate", "convert"))


TRAIN = ["train", "--data", "TEXT", "--out", "OUT", *SIZES, *STEPS]
GENERATE = ["generate", "--model", "RUN/last", "--device", "cpu"]
EVALUATE = ["evaluate", "--model", "RUN/last", "--text", "TEXT", "--device", "cpu"]
MISTAKES: dict[str, tuple[list[str], str]] = {
    "no command": ([], "required"),
    "an unknown command": (["fly"], "fly"),
    "an unknown flag": ([*TRAIN, "--speed", "9"], "--speed"),
    "a missing flag": (["convert"], "file"),
    "a dataset without a network": (["train", "--mirror", "http://127.0.0.1:9", "--data_dir", "NOWHERE"], "downloaded"),
    "a dataset and a text": ([*TRAIN, "--dataset", "wikitext-2"], "both given"),
    "an unknown dataset": (["train", "--dataset", "pile", "--out", "OUT"], "pile"),
    "steps and epochs": ([*TRAIN, "--epochs", "2"], "both given"),
    "no epochs": (["train", "--data", "TEXT", "--out", "OUT", *SIZES, "--epochs", "0"], "epochs is 0"),
    "neurons that the width cannot share": ([*TRAIN, "--n", "33", "--d", "16"], "multiple of the width, 16"),
    "a flag of the other variant": ([*TRAIN, "--k_wta", "3"], "--variant neuro"),
    "a shortened flag": ([*TRAIN, "--max_it", "3"], "--max_it"),
    "a word for a number": ([*TRAIN, "--max_iters", "many"], "many"),
    "missing text": ([*TRAIN, "--data", "NOWHERE.txt"], "nowhere.txt"),
    "an empty text": ([*TRAIN, "--data", "EMPTY"], "empty"),
    "text that is not UTF-8": ([*TRAIN, "--data", "LATIN"], "UTF-8"),
    "a folder without texts": ([*TRAIN, "--data", "FOLDER"], "no .txt file"),
    "a short text": ([*TRAIN, "--seq_len", "9999"], "9999"),
    "missing held-out text": ([*TRAIN, "--eval_data", "NOWHERE.txt"], "nowhere.txt"),
    "nothing to validate on": ([*TRAIN, "--eval_tokens", "1"], "eval_tokens is 1"),
    "an unknown preset": ([*TRAIN, "--preset", "huge"], "huge"),
    "a size that heads cannot share": ([*TRAIN, "--n_head", "3"], "over 3 heads"),
    "a gigantic size": ([*TRAIN, "--n_embd", "100000000"], "parameters"),
    "decay for another number of heads": ([*TRAIN, "--decay", "0.9"], "2 factors"),
    "decay that is not a number": ([*TRAIN, "--decay", "slow"], "slow"),
    "learnt decay without a start": ([*TRAIN, "--learn_decay"], "decay is None"),
    "a negative step size": ([*TRAIN, "--lr", "-1"], "lr -1.0"),
    "a negative seed": ([*TRAIN, "--seed", "-1"], "seed is -1"),
    "an unknown precision": ([*TRAIN, "--dtype", "int4"], "int4"),
    "an unknown device": ([*TRAIN, "--device", "abacus"], "abacus"),
    "a tiny vocabulary": ([*TRAIN, "--tokenizer", "bpe", "--vocab_size", "9"], "at least 256"),
    "a missing tokenizer": ([*TRAIN, "--tokenizer", "NOWHERE.json"], "nowhere.json"),
    "a text for a tokenizer": ([*TRAIN, "--tokenizer", "TEXT"], "not a tokenizer file"),
    "a file for a folder": ([*TRAIN, "--out", "TEXT"], "story.txt"),
    "nothing to resume": ([*TRAIN, "--resume"], "no run to resume"),
    "resuming with another size": ([*TRAIN, "--out", "RUN", "--resume", "--n_layer", "3"], "flags of the run"),
    "resuming with other batches": ([*TRAIN, "--out", "RUN", "--resume", "--carry_state"], "resume with"),
    "a missing model": ([*GENERATE, "--model", "NOWHERE"], "nowhere"),
    "an empty prompt": ([*GENERATE, "--prompt", ""], "prompt is empty"),
    "a negative temperature": ([*GENERATE, "--temperature", "-1"], "temperature -1.0"),
    "a negative top_k": ([*GENERATE, "--top_k", "-1"], "top_k -1"),
    "a seed out of reach": ([*GENERATE, "--seed", "99999999999999999999"], "seed 99999999999999999999"),
    "half a character": ([*GENERATE, "--prompt", "a\udcff"], "lone surrogate"),
    "another size than the model has": ([*GENERATE, "--d", "32"], "d is 32, but the model in"),
    "nothing to measure on": (["evaluate", "--model", "RUN", "--device", "cpu"], "either --text"),
    "two texts to measure on": ([*EVALUATE, "--dataset", "wikitext-2"], "either --text"),
    "no chunks": ([*EVALUATE, "--max_chunks", "0"], "max_chunks is 0"),
    "missing text to measure": ([*EVALUATE, "--text", "NOWHERE.txt"], "nowhere.txt"),
    "an empty text to measure": ([*EVALUATE, "--text", "EMPTY"], "empty"),
    "a segment of nothing": ([*EVALUATE, "--segment", "0"], "segment is 0"),
    "a reset of nothing": ([*EVALUATE, "--reset_every", "0"], "reset_every is 0"),
    "a batch of nothing": ([*EVALUATE, "--batch_size", "0"], "batch_size is 0"),
    "missing foreign weights": (["convert", "NOWHERE.pt", "OUT"], "nowhere.pt"),
    "a text for foreign weights": (["convert", "TEXT", "OUT"], "story.txt"),
    "foreign weights without layers": (["convert", "OFFICIAL", "OUT", "--n_layer", "0"], "n_layer is 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_error_is_one_line_and_exit_2(
    run: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    (tmp_path / "folder").mkdir()
    places = {"TEXT": text, "RUN": run, "EMPTY": tmp_path / "empty.txt", "LATIN": tmp_path / "latin.txt"}
    places |= {"FOLDER": tmp_path / "folder", "OUT": tmp_path / "out", "NOWHERE": tmp_path / "nowhere"}
    weights = {n.removeprefix("weights."): w for n, w in load_file(FIXTURE).items() if n.startswith("weights.")}
    places["OFFICIAL"] = tmp_path / "official.pt"
    torch.save(weights, places["OFFICIAL"])
    words, expected = MISTAKES[name]
    for key, path in places.items():
        words = [word.replace(key, str(path)) if word.startswith(key) else word for word in words]
    assert main(words) == 2
    lines = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.strip() and "step/s" not in line and "token/s" not in line
    ]
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert expected in lines[0]


def test_interruption_names_the_resume_flag(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bdh.training.trainer.Trainer.take_step", interrupt)
    assert main(["train", "--data", str(text), "--out", str(tmp_path), *SIZES, *STEPS]) == 130
    assert "--resume" in capsys.readouterr().err
