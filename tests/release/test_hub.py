"""What would be on the hub: complete folders, cards without faults, data that its library reads; loopback only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard

import bdh
from bdh.verifier import load_claim_verifier
from data.plain_claims import check
from release import hub
from tests.bdh.loopback_hub import running_hub

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every repository by its name."""
    return hub.lay_out(tmp_path_factory.mktemp("hub") / "out", "me")


def test_every_model_that_ships_and_the_claims_are_laid_out(folders: dict[str, Path]) -> None:
    shipped = {f"me/{path.name}" for path in (ROOT / "models").iterdir() if path.is_dir()}
    assert folders.keys() == shipped | {"me/verifier", "datasets/me/plain-claims"}


def test_no_card_has_a_fault(folders: dict[str, Path]) -> None:
    assert [f"{name}: {fault}" for name, folder in folders.items() for fault in hub.faults(name, folder)] == []


def test_cards_are_what_the_library_of_the_hub_reads(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        card = (DatasetCard if name.startswith("datasets/") else ModelCard).load(folder / "README.md")
        assert card.data.license in {"mit", "apache-2.0"} and card.data.language == ["en"]
        assert "<!--" not in card.text and "](../" not in card.text


def test_laid_out_models_load(folders: dict[str, Path]) -> None:
    model, _ = bdh.load(folders["me/reader"])
    assert model.config.n_embd == 384 and (folders["me/reader"] / "modeling_bdh.py").is_file()
    assert not (folders["me/reader"] / "claims").exists()
    load_claim_verifier(folders["me/verifier"])


def test_judge_is_laid_out_with_its_verifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = shutil.ignore_patterns("*.safetensors", "tokenizer.json", "config.json")
    shutil.copytree(ROOT / "models" / "judge", tmp_path / "models" / "judge", ignore=leave)
    (tmp_path / "models" / "judge" / "verifier" / "model-1.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(hub, "MODELS", tmp_path / "models")
    laid_out = hub._lay_out_model(hub.models()["judge"], "me/judge", tmp_path / "out")
    hub._unlink(laid_out, "")
    assert {path.name for path in (laid_out / "verifier").iterdir()} == {"README.md", "LICENSE", "model-1.safetensors"}
    assert list(hub.faults("me/judge", laid_out)) == []


def test_links_become_absolute_with_an_address_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("See [why](../../docs/why.md) and [there](https://example.org).", "utf-8")
    hub._unlink(tmp_path, "https://example.org/files/")
    assert "[why](https://example.org/files/docs/why.md) and [there](https://example.org)" in (
        tmp_path / "README.md"
    ).read_text(encoding="utf-8")


def test_faults_of_a_card_are_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\nShort. [More](more.md)", encoding="utf-8")
    found = " ".join(hub.faults("me/model", tmp_path))
    assert "no language" in found and "no library_name" in found and "more.md" in found and "next to nothing" in found
    text = "---\nconfigs:\n- config_name: a\n  data_files:\n  - {split: train, path: a.jsonl}\n---\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert "configuration a names a.jsonl" in " ".join(hub.faults("datasets/me/data", tmp_path))


def test_library_of_data_sets_reads_every_configuration(folders: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom datasets import load_dataset\n"
        "read = lambda name: load_dataset(sys.argv[1], name, cache_dir=sys.argv[2])\n"
        "names = ('claims', 'facts', 'novels')\n"
        "found = {name: {split: len(rows) for split, rows in read(name).items()} for name in names}\n"
        "row = read('claims')['dev'][0]\nprint(json.dumps([found, row]))"
    )
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code, str(folders["datasets/me/plain-claims"]), str(tmp_path / "cache")]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts, row = json.loads(done.stdout)
    books = {split: [check.load(path) for path in check.files(split)] for split in check.SPLITS}
    facts = {split: sum(len(book["facts"]) for book in own) for split, own in books.items()}
    open_ = {split: sum(len(book["not_stated"]) for book in own) for split, own in books.items()}
    assert counts["facts"] == facts
    assert counts["claims"] == {split: 2 * facts[split] + open_[split] for split in check.SPLITS}
    assert counts["novels"] == {"train": sum(map(len, books.values()))}
    assert row["label"] == "supported" and isinstance(row["evidence"], list)


def test_upload_makes_models_and_data_sets(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "none-of-anybody")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    sent = {name: folders[name] for name in ("me/persons", "datasets/me/plain-claims")}
    with running_hub() as server:
        addresses = hub.push(sent, endpoint=server.endpoint)
        stored = {name: set(files) for name, files in server.repositories.items()}
    assert addresses == [f"{server.endpoint}/me/persons", f"{server.endpoint}/datasets/me/plain-claims"]
    for name, folder in sent.items():
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert files <= stored[name]
