"""The adapter for lm-evaluation-harness scores and writes as the model does; skipped where the extra is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bdh import cli
from bdh.errors import ConfigError
from bdh.generation import generate
from bdh.model import BDH
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker

ROOT = Path(__file__).parents[2]
INSTALLED = importlib.util.find_spec("lm_eval") is not None
needs_harness = pytest.mark.skipif(not INSTALLED, reason="lm-eval is not installed: pip install .[lm-eval]")
TOKENIZER = ByteTokenizer()


@pytest.fixture(scope="module")
def model(make_model: ModelMaker) -> BDH:
    return make_model(vocab_size=256, decay=(0.9, 0.99))


@pytest.fixture
def adapter(model: BDH) -> Any:
    from bdh.harness import HarnessModel

    return HarnessModel(model, TOKENIZER)


def _asked(*arguments: Any) -> list[Any]:
    return [SimpleNamespace(args=each) for each in arguments]


def _expected(model: BDH, context: str, continuation: str) -> float:
    tokens = torch.tensor([TOKENIZER.encode(context + continuation)])
    start = len(TOKENIZER.encode(context))
    with torch.inference_mode():
        chances = model(tokens).logits[0, start - 1 : -1].log_softmax(-1)
    return float(chances.gather(1, tokens[0, start:, None]).sum())


def test_command_names_the_extra_that_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bdh.commands.extras.find_spec", lambda name: None)
    assert cli.main(["harness", "--model", "models/reader", "--tasks", "lantern"]) == 2
    assert "pip install 'bdh-narrative[lm-eval]'" in capsys.readouterr().err


@needs_harness
def test_answers_are_scored_as_the_model_scores_them(model: BDH, adapter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [("The keeper lit the", " lamp at dusk."), ("The keeper lit the", " lamb."), ("Né", " — twice"), ("", "A")]
    expected = [_expected(model, context or "\n", continuation) for context, continuation in pairs]
    for segment in (1024, 3):
        monkeypatch.setattr("bdh.harness._SEGMENT", segment)
        scores = adapter.loglikelihood(_asked(*pairs), disable_tqdm=True)
        assert [score for score, _ in scores] == pytest.approx(expected, abs=1e-3)


@needs_harness
def test_greedy_answer_is_known_as_such(model: BDH, adapter: Any) -> None:
    made = list(generate(model, TOKENIZER.encode("The sea"), max_new_tokens=5, temperature=0))
    other = [*made[:-1], (made[-1] + 1) % 256]
    scored = [((("", "")), TOKENIZER.encode("The sea"), tokens) for tokens in (made, other)]
    assert [greedy for _, greedy in adapter._loglikelihood_tokens(scored)] == [True, False]


@needs_harness
def test_whole_text_is_scored_from_a_line_break(model: BDH, adapter: Any) -> None:
    assert adapter.loglikelihood_rolling(_asked(("The sea was calm.",))) == pytest.approx(
        [_expected(model, "\n", "The sea was calm.")], abs=1e-3
    )


@needs_harness
def test_text_is_written_up_to_a_stop(model: BDH, adapter: Any) -> None:
    whole = adapter.generate_until(_asked(("The sea", {"max_gen_toks": 12, "do_sample": False})))[0]
    assert whole == TOKENIZER.decode(
        list(generate(model, TOKENIZER.encode("The sea"), max_new_tokens=12, temperature=0))
    )
    stop = whole[2:4]
    assert (
        adapter.generate_until(_asked(("The sea", {"until": [stop], "max_gen_toks": 12})))[0]
        == whole[: whole.index(stop)]
    )
    with pytest.raises(ConfigError, match="top_p"):
        adapter.generate_until(_asked(("a", {"do_sample": True, "temperature": 0.5, "top_p": 0.9})))


@needs_harness
@pytest.mark.slow
def test_local_task_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    words = ["harness", "--model", "models/reader", "--tasks", "lantern,lantern_text", "--include", "examples/lm_eval"]
    assert cli.main([*words, "--limit", "4"]) == 0
    table = capsys.readouterr().out
    assert "|lantern " in table and "bits_per_byte" in table
    assert cli.main(["harness", "--model", "models/reader", "--tasks", "nothing_like_it"]) == 2
    assert "tasks nothing_like_it are unknown" in capsys.readouterr().err
