"""A saved folder loads with its own code in a process that cannot import the library, and as a plain model here."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bdh import checkpoint, remote_code
from bdh.config import BDHConfig
from bdh.model import BDH
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker

pytest.importorskip("transformers")
from transformers import AutoModelForCausalLM

from bdh.causal_lm import BDHForCausalLM

STRANGER = """
import importlib, json, sys

HIDDEN = ("bdh", "pipeline", "jaxtyping", "triton")

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
for name in HIDDEN:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} can be imported")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, saved = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
tokens = torch.tensor([tokenizer("The dragon hatched")["input_ids"]])
made = model.generate(tokens, max_new_tokens=8, do_sample=False)
with torch.inference_mode():
    output = model(tokens, labels=tokens)
model.train()
model.gradient_checkpointing_enable()
model(tokens, labels=tokens).loss.backward()
model.save_pretrained(saved)
print(json.dumps({"class": type(model).__module__, "loss": output.loss.item(), "made": made.tolist(),
                  "logits": output.logits[0, -1].tolist()}))
"""


@pytest.fixture(scope="module")
def model(make_model: ModelMaker) -> BDH:
    return make_model(vocab_size=256, decay=(0.9, 0.99), learn_decay=True)


@pytest.fixture(scope="module")
def folder(model: BDH, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "dragon"
    BDHForCausalLM.from_bdh(model, ByteTokenizer()).save_pretrained(path)
    return path


def _load_as_a_stranger(folder: Path, home: Path) -> dict[str, Any]:
    """Load ``folder`` in a process elsewhere that finds neither this repository nor an installed ``bdh``."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(folder), str(folder.parent / f"{folder.name}_again")],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
def test_saved_folder_loads_without_the_library(model: BDH, folder: Path, tmp_path: Path) -> None:
    stranger = _load_as_a_stranger(folder, tmp_path / "home")
    wrapped = BDHForCausalLM.from_bdh(model)
    tokens = torch.tensor([ByteTokenizer().encode("The dragon hatched")])
    with torch.inference_mode():
        output = wrapped(tokens, labels=tokens)
    assert stranger["class"].startswith("transformers_modules.")
    assert stranger["loss"] == pytest.approx(output.loss.item(), abs=1e-6)
    assert torch.allclose(torch.tensor(stranger["logits"]), output.logits[0, -1], atol=1e-5)
    assert stranger["made"] == wrapped.generate(tokens, max_new_tokens=8, do_sample=False).tolist()
    again = folder.parent / f"{folder.name}_again"
    (again / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    assert all((again / name).is_file() for name in remote_code.make_files())
    assert _equal(model, checkpoint.load_bdh(again)[0]), "what a stranger saves is a model of the library"


def test_saved_folder_is_a_plain_model_where_the_library_is_installed(model: BDH, folder: Path) -> None:
    assert _equal(model, checkpoint.load_bdh(folder)[0])
    for trusted in (True, False):
        assert type(AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=trusted)) is BDHForCausalLM


def test_code_imports_itself_and_what_transformers_brings() -> None:
    files = remote_code.make_files()
    assert set(files) >= {"modeling_bdh.py", "bdh_model.py", "bdh_ops_parallel.py", "bdh_shapes.py"}
    assert not [name for name in files if "triton" in name or "checkpoint" in name]
    allowed = {"torch", "transformers", "safetensors", "filelock", *sys.stdlib_module_names}
    for name, text in files.items():
        for node in ast.walk(ast.parse(text)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.append(str(node.module))
            assert {module.split(".")[0] for module in modules} <= allowed, name
    found = {f"{target}.py" for text in files.values() for target in re.findall(r"^from \.(\w+) import", text, re.M)}
    assert found | {"modeling_bdh.py"} == set(files), "Transformers copies what it finds by such lines"


def test_config_names_its_code_and_the_library_ignores_that(folder: Path, model: BDH) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["auto_map"] == remote_code.AUTO_MAP
    read = checkpoint.read_config(folder)
    assert isinstance(read, BDHConfig) and read == model.config


def _equal(first: BDH, second: BDH) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
