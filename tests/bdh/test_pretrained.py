"""Training inside Transformers: its Trainer, gradient checkpointing, adapters of PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bdh import checkpoint
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker

pytest.importorskip("transformers")
from bdh.causal_lm import BDHForCausalLM

TEXTS = ["The dragon hatched twice.", "A storm.", "In a storm, the dragon slept.", "Twice it hatched."]
PARAMETERS = ["model.encoder", "model.encoder_v", "model.decoder"]


@pytest.fixture
def model(make_model: ModelMaker) -> Any:
    return BDHForCausalLM.from_bdh(make_model(vocab_size=256, decay=(0.9, 0.99), dropout=0.0), ByteTokenizer())


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return collate([{"input_ids": ByteTokenizer().encode(text)} for text in TEXTS])


def collate(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Pad rows on the right, as the collators of Transformers do, and ignore the padding in the loss."""
    width = max(len(row["input_ids"]) for row in rows)
    tokens = torch.tensor([row["input_ids"] + [0] * (width - len(row["input_ids"])) for row in rows])
    mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows])
    return {"input_ids": tokens, "attention_mask": mask, "labels": tokens.masked_fill(mask == 0, -100)}


def _gradients(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(**batch).loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def _adapted(model: Any, **wishes: Any) -> Any:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=[], target_parameters=PARAMETERS, task_type="CAUSAL_LM", **wishes)
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    return adapted


@pytest.mark.parametrize("flags", [{}, {"gradient_checkpointing": True}, {"gradient_accumulation_steps": 2}])
def test_trainer_trains_and_evaluates(model: Any, tmp_path: Path, flags: dict[str, Any]) -> None:
    pytest.importorskip("accelerate")
    from transformers import Trainer, TrainingArguments

    rows: Any = [{"input_ids": ByteTokenizer().encode(text)} for text in TEXTS * 2]
    settings = TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=8, per_device_train_batch_size=2, per_device_eval_batch_size=3,
        learning_rate=3e-3, lr_scheduler_type="constant", report_to=[], use_cpu=True, disable_tqdm=True, save_steps=8,
        logging_steps=100, eval_strategy="no", seed=1, **flags,
    )  # fmt: skip
    trainer = Trainer(model=model, args=settings, train_dataset=rows, eval_dataset=rows, data_collator=collate)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    after = trainer.evaluate()["eval_loss"]
    assert after < before - 0.5
    assert trainer.predict(rows).predictions.shape[-1] == 256
    loaded, _ = checkpoint.load_bdh(sorted(tmp_path.glob("checkpoint-*"))[-1])
    assert all(torch.isfinite(weight).all() for weight in loaded.parameters())


@pytest.mark.parametrize("learn_decay", [False, True])
def test_gradient_checkpointing_gives_the_same_gradients(
    make_model: ModelMaker, batch: dict[str, torch.Tensor], learn_decay: bool
) -> None:
    model = make_model(vocab_size=256, decay=(0.9, 0.99), learn_decay=learn_decay, dropout=0.2)
    wrapped = BDHForCausalLM.from_bdh(model).train()
    found = []
    for use in ("enable", "disable"):
        getattr(wrapped, f"gradient_checkpointing_{use}")()
        assert wrapped.model.gradient_checkpointing == (use == "enable")
        torch.manual_seed(7)
        found.append(_gradients(wrapped, batch))
    assert found[0].keys() == found[1].keys() == dict(wrapped.named_parameters()).keys()
    assert all(torch.allclose(value, found[1][name], atol=1e-6) for name, value in found[0].items())


def test_gradient_checkpointing_stores_less(model: Any, batch: dict[str, torch.Tensor]) -> None:
    def stored() -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: (sizes.append(t.numel()), t)[1], lambda t: t):
            model(**batch)
        return sum(sizes)

    model.train()
    whole = stored()
    model.gradient_checkpointing_enable()
    assert stored() < whole / 2


def test_lora_reaches_every_matrix_and_trains_nothing_else(model: Any, batch: dict[str, torch.Tensor]) -> None:
    plain = model(**batch).loss.item()
    adapted = _adapted(model)
    assert adapted(**batch).loss.item() != pytest.approx(plain, abs=1e-4)
    gradients = _gradients(adapted, batch)
    assert len(gradients) == 2 * len(PARAMETERS) and all("lora_" in name for name in gradients)
    assert all(value.abs().sum() > 0 for value in gradients.values())


def test_lora_gradients_stay_the_same_under_checkpointing(model: Any, batch: dict[str, torch.Tensor]) -> None:
    adapted = _adapted(model).train()
    plain = _gradients(adapted, batch)
    adapted.gradient_checkpointing_enable()
    adapted.enable_input_require_grads()
    again = _gradients(adapted, batch)
    assert all(torch.allclose(value, again[name], atol=1e-6) for name, value in plain.items())


def test_merged_adapter_is_a_model_of_the_library(model: Any, batch: dict[str, torch.Tensor], tmp_path: Path) -> None:
    adapted = _adapted(model).eval()
    with torch.inference_mode():
        expected = adapted(**batch).logits
        prompt = batch["input_ids"][:1, :8]
        sampled = adapted.generate(input_ids=prompt, max_new_tokens=5, do_sample=False)
    merged = adapted.merge_and_unload()
    assert torch.equal(merged.generate(prompt, max_new_tokens=5, do_sample=False), sampled)
    merged.save_pretrained(tmp_path)
    loaded, _ = checkpoint.load_bdh(tmp_path)
    with torch.inference_mode():
        mask = batch["attention_mask"].bool()
        assert (loaded(batch["input_ids"]).logits - expected)[mask].abs().max() < 1e-3


def test_adapter_is_saved_and_loaded(model: Any, batch: dict[str, torch.Tensor], tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    base = BDHForCausalLM.from_bdh(model.model)
    adapted = _adapted(model).eval()
    adapted.save_pretrained(tmp_path)
    again = peft.PeftModel.from_pretrained(base, tmp_path).eval()
    with torch.inference_mode():
        assert torch.allclose(again(**batch).logits, adapted(**batch).logits, atol=1e-5)


def test_lora_of_the_embedding_works(model: Any, batch: dict[str, torch.Tensor]) -> None:
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["embed"], task_type="CAUSAL_LM"))
    assert len(_gradients(adapted, batch)) == 2
