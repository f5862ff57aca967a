"""Flags from files: a configuration, stored settings of a run, and defaults of presets and variants."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import pytest

from bdh.cli import main, parse
from bdh.commands.settings import normalise_hyphens, write_settings
from bdh.errors import ConfigError


def _config(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return ["--config", str(path)]


def _parse(line: str) -> argparse.Namespace:
    return parse(line.split())


def test_settings_of_a_file_are_defaults_and_flags_win(tmp_path: Path) -> None:
    text = 'lr = 3e-4\nbatch-size = 7\ncompile = true\ncarry_state = false\ndecay = [0.9, 0.99]\nfile = "a b.txt"\n'
    arguments = parse(["train", *_config(tmp_path / "c.toml", text), "--batch-size", "9"])
    assert (arguments.lr, arguments.batch_size, arguments.compile, arguments.carry_state) == (3e-4, 9, True, False)
    assert (arguments.decay, arguments.data) == ("0.9,0.99", "a b.txt")


@pytest.mark.parametrize("name", ["train", "generate", "evaluate"])
def test_file_can_hold_every_flag_by_its_first_name(tmp_path: Path, name: str) -> None:
    """What a run writes of itself is such a file; here every setting of every command comes back."""
    arguments = parse([name])
    write_settings(tmp_path, arguments)
    again = parse([name, "--config", str(tmp_path / "settings.toml")])
    assert {**vars(again), "config": None} == vars(arguments)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("speed = 9", "speed"),
        ("config = 'x.toml'", "config"),
        ("help = true", "help"),
        ("lr = true", "a number, a string or a list"),
        ("compile = 1", "true or false"),
        ("[lr]\nx = 1", "a number, a string or a list"),
        ("lr = ", "TOML"),
        ("batch_size = 1.5", "invalid int value"),
    ],
)
def test_file_that_is_wrong_is_one_clear_error(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        parse(["train", *_config(tmp_path / "c.toml", text)])
    assert "\n" not in str(caught.value)


def test_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        parse(["train", "--config", str(tmp_path / "none.toml")])


@pytest.mark.parametrize(
    ("kept", "given", "expected"),
    [
        ("epochs = 3", ["--max_iters", "5"], {"max_iters": 5, "epochs": None}),
        ("max_iters = 5", ["--epochs", "3"], {"max_iters": None, "epochs": 3.0}),
        ('dataset = "wikitext-2"', ["--file", "x"], {"data": "x", "dataset": None}),
        ('data = "x"', ["--dataset", "wikitext-2"], {"data": None, "dataset": "wikitext-2"}),
    ],
)
def test_flag_replaces_an_exclusive_setting_of_a_file(
    tmp_path: Path, kept: str, given: list[str], expected: dict[str, object]
) -> None:
    arguments = parse(["train", *_config(tmp_path / "c.toml", kept), *given])
    assert {name: getattr(arguments, name) for name in expected} == expected


def test_settings_of_a_run_are_read_when_it_is_resumed(tmp_path: Path) -> None:
    arguments = parse(["train", "--data", "é b.txt", "--epochs", "2", "--dtype", "bf16", "--out", str(tmp_path)])
    write_settings(tmp_path, arguments)
    kept = tomllib.loads((tmp_path / "settings.toml").read_text(encoding="utf-8"))
    assert kept["data"] == "é b.txt" and "out" not in kept and "resume" not in kept
    again = parse(["train", "--out", str(tmp_path), "--resume", "--dtype", "fp32"])
    assert (again.data, again.epochs, again.dtype, again.resume) == ("é b.txt", 2.0, "fp32", True)
    fresh = parse(["train", "--out", str(tmp_path)])
    assert (fresh.data, fresh.epochs) == (None, None)


def test_configuration_wins_over_the_settings_of_the_run(tmp_path: Path) -> None:
    write_settings(tmp_path, parse(["train", "--data", "x", "--max_iters", "5", "--lr", "0.5"]))
    words = ["train", "--out", str(tmp_path), "--resume", *_config(tmp_path / "c.toml", "epochs = 2")]
    again = parse(words)
    assert (again.max_iters, again.epochs, again.lr) == (None, 2.0, 0.5)


def test_hyphens_are_underscores_in_names_and_stay_in_values() -> None:
    assert normalise_hyphens(["train", "--max-iters=3", "--out", "a-b", "--", "--a-b"]) == [
        "train", "--max_iters=3", "--out", "a-b", "--", "--a-b",
    ]  # fmt: skip
    assert normalise_hyphens(["--dataset=wikitext-2"]) == ["--dataset=wikitext-2"]


def test_wikitext_preset_is_the_whole_run() -> None:
    arguments = parse(["train", "--preset", "wikitext-2"])
    found = (arguments.dataset, arguments.epochs, arguments.seq_len, arguments.batch_size, arguments.lr)
    assert found == ("wikitext-2", 3.0, 128, 8, 1e-3)
    mine = parse(["train", "--model_size", "wikitext-2", "--file", "x.txt", "--max_iters", "9", "--seq_len", "64"])
    assert (mine.dataset, mine.epochs, mine.max_iters, mine.seq_len, mine.batch_size) == (None, None, 9, 64, 8)


def test_neuro_variant_has_its_defaults_also_from_a_file(tmp_path: Path) -> None:
    arguments = parse(["train", *_config(tmp_path / "c.toml", 'variant = "neuro"'), "--epochs", "5"])
    assert (arguments.epochs, arguments.batch_size, arguments.seq_len) == (5.0, 8, 256)
    assert parse(["train"]).batch_size == 32


def test_names_of_other_implementations_mean_the_same() -> None:
    train = _parse("train --file t.txt --model_size tiny --hf_repo_id me/mine --push_to_hub --n 512 --d 32")
    assert (train.data, train.preset, train.hub_repo_id, train.push_to_hub) == ("t.txt", "tiny", "me/mine", True)
    generate = _parse("generate --checkpoint m --seed_text Once --length 7 --file t.txt --n 1 --d 2")
    assert (generate.model, generate.prompt, generate.max_new_tokens) == ("m", "Once", 7)
    evaluate = _parse("evaluate --model_path me/mine --max_chunks 100 --dataset wikitext-2")
    assert (evaluate.model, evaluate.max_chunks, evaluate.split) == ("me/mine", 100, "validation")


def test_help_of_every_command_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train", "generate", "evaluate", "plot", "push", "merge", "convert"):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert "(default: None)" not in (shown := capsys.readouterr().out) and f"python -m bdh {name}" in shown


def test_settings_of_a_neuro_run_are_restored(tmp_path: Path) -> None:
    words = ["train", "--variant", "neuro", "--u_kernels", "0.9,0.5", "--rope", "--data", "x"]
    arguments = parse(words)
    write_settings(tmp_path, arguments)
    again = parse(["train", "--out", str(tmp_path), "--resume"])
    kept = argparse.Namespace(**{**vars(again), "out": arguments.out, "resume": False})
    assert vars(kept) == vars(arguments) and kept.u_kernels == (0.9, 0.5)
