"""Lay out what would be on the Hugging Face Hub: each model with its card, and the data set of plain claims.

python -m release.hub --out dist/hub                          # lay out and check, send nothing
python -m release.hub --out dist/hub --push USER              # and upload; the token comes from HF_TOKEN
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import DatasetCard, HfApi, ModelCard

from bdh.hub import write_files
from release import claims

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
VERIFIER = "reader/claims"
"""The verifier lies in the folder of the encoder, and is a repository of its own."""
DATASET = "plain-claims"
_LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")
_MARK = re.compile(r"^<!-- /?[a-z]+.* -->\n", re.MULTILINE)
ENCODER = "reader"


def models() -> dict[str, Path]:
    """Return the folder of each model by the name of its repository; every folder of models/ with a card is one."""
    folders = {path.parent.name: path.parent for path in sorted(MODELS.glob("*/README.md"))}
    return folders | {"verifier": MODELS / VERIFIER}


def lay_out(out: Path, user: str, project: str = "") -> dict[str, Path]:
    """Write every repository under ``out``; return the folders by repository, ``datasets/`` before those of data."""
    shutil.rmtree(out, ignore_errors=True)
    folders = {
        f"{user}/{name}": _lay_out_model(folder, f"{user}/{name}", out / name) for name, folder in models().items()
    }
    data = claims.lay_out(out / DATASET, f"{user}/{DATASET}")
    for folder in (*folders.values(), data):
        _unlink(folder, project)
    return folders | {f"datasets/{user}/{DATASET}": data}


def _lay_out_model(folder: Path, repo_id: str, out: Path) -> Path:
    """Copy a model; the encoder gets the code with which Transformers loads it, and leaves the verifier out."""
    if folder.name == ENCODER:
        write_files(folder, repo_id, out)
    else:
        shutil.copytree(folder, out, ignore=shutil.ignore_patterns("__pycache__", "pyproject.toml"))
    return out


def _unlink(folder: Path, project: str) -> None:
    """Make links of a card into the repository absolute, or plain words where ``project`` is no address."""
    for card in folder.rglob("*.md"):
        text = _MARK.sub("", card.read_text(encoding="utf-8"))
        if project:
            text = _LINK.sub(lambda link: f"[{link[1]}]({project.rstrip('/')}/{link[2].lstrip('./')})", text)
        else:
            text = _LINK.sub(r"\1", text)
        card.write_text(text, encoding="utf-8")


def faults(repo_id: str, folder: Path) -> Iterator[str]:
    """Yield what is wrong with the card of a repository, as far as that can be known without a network."""
    is_data = repo_id.startswith("datasets/")
    card = (DatasetCard if is_data else ModelCard).load(folder / "README.md")
    data = card.data.to_dict()
    wanted = [
        "license",
        "language",
        "tags",
        *(["configs", "task_categories"] if is_data else ["library_name", "pipeline_tag"]),
    ]
    yield from (f"the card has no {name}" for name in wanted if not data.get(name))
    if len(card.text.strip()) < 500:
        yield "the card says next to nothing"
    for page in sorted(folder.rglob("*.md")):
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        missing = [link[1] for link in links if not (page.parent / link[1]).exists()]
        yield from (f"{page.relative_to(folder)} links to {link}, which is not there" for link in missing)
    for config in data.get("configs") or []:
        for file in config["data_files"]:
            if not (folder / file["path"]).is_file():
                yield f"configuration {config['config_name']} names {file['path']}, which is not there"


def push(folders: dict[str, Path], endpoint: str | None = None) -> list[str]:
    """Upload each repository, made where it is not there yet; return their addresses."""
    api = HfApi(endpoint=endpoint)
    addresses = []
    for name, folder in folders.items():
        kind, repo_id = ("dataset", name.removeprefix("datasets/")) if name.startswith("datasets/") else ("model", name)
        addresses.append(str(api.create_repo(repo_id, repo_type=kind, exist_ok=True)))
        api.upload_folder(repo_id=repo_id, repo_type=kind, folder_path=folder, commit_message="Upload a release")
    return addresses


def main() -> int:
    """Do what the flags ask; return 1 where a card has a fault, and then nothing is uploaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("dist/hub"), help="folder, which is emptied first")
    parser.add_argument("--user", default="USER", help="owner of the repositories, for the cards")
    parser.add_argument("--project", default="", help="address of this repository's files, for the links of the cards")
    parser.add_argument("--push", metavar="USER", help="upload to this owner")
    parser.add_argument("--endpoint", help="address of the hub; default: HF_ENDPOINT, or the public hub")
    arguments = parser.parse_args()
    folders = lay_out(arguments.out, arguments.push or arguments.user, arguments.project)
    found = 0
    for name, folder in folders.items():
        files = [path for path in folder.rglob("*") if path.is_file()]
        print(f"{name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {folder}")
        for fault in faults(name, folder):
            print(f"  fault: {fault}")
            found += 1
    if arguments.push and not found:
        print("\n".join(push(folders, arguments.endpoint)))
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
