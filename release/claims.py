"""The plain claims as a data set that ``datasets.load_dataset`` reads: JSON lines by split, and a card."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard

from data.plain_claims import check

Row = dict[str, Any]
_USE = """
## Load
```python
from datasets import load_dataset

claims = load_dataset("{folder}", "claims")  # one row a claim: supported, contradicted or not_stated
facts = load_dataset("{folder}", "facts")  # one row a fact: a true claim and its false twin
novels = load_dataset("{folder}", "novels")  # title, author, length and hash of each novel's text
```
"""


def lay_out(out: Path, repo_id: str) -> Path:
    """Write the data set with its card into ``out`` and return that."""
    out.mkdir(parents=True)
    makers: dict[str, Callable[[Path], Iterable[Row]]] = {"claims": claim_rows, "facts": fact_rows}
    configs = [_write(out, name, _rows_by_split(make)) for name, make in makers.items()]
    configs.append(_write(out, "novels", {"train": novel_rows()}))
    shutil.copyfile(check.HERE / "WRITING.md", out / "WRITING.md")
    configs[0]["default"] = True
    card = DatasetCard.load(check.HERE / "README.md")
    card.data.configs = configs
    card.data.size_categories = ["10K<n<100K"]
    card.text = card.text.rstrip() + "\n" + _USE.replace("{folder}", repo_id)
    card.save(out / "README.md")
    return out


def claim_rows(path: Path) -> Iterator[Row]:
    """Yield the claims of a file, each with its label and, where the novel decides, its evidence."""
    book = check.load(path)
    for fact in book["facts"]:
        shared = _about(book, path, fact) | {"type": fact["type"], "difficulty": fact["difficulty"]}
        for label in ("supported", "contradicted"):
            own = {"id": f"{fact['id']}-{label}", "claim": fact[label], "label": label}
            yield own | shared | {"evidence": fact["evidence"], "fact": fact["id"]}
    for item in book["not_stated"]:
        own = {"id": item["id"], "claim": item["claim"], "label": "not_stated"}
        yield own | _about(book, path, item) | {"type": None, "difficulty": None, "evidence": [], "fact": None}


def fact_rows(path: Path) -> Iterator[Row]:
    """Yield the facts of a file, each a true claim and its false twin."""
    book = check.load(path)
    for fact in book["facts"]:
        yield {"id": fact["id"], **_about(book, path, fact), **{key: fact[key] for key in _FACT}}


_FACT = ("type", "difficulty", "supported", "contradicted", "evidence")


def _about(book: check.Book, path: Path, item: check.Book) -> Row:
    return {
        "novel": path.stem,
        "book": book["book"],
        "narration": book.get("narration"),
        "character": item["character"],
    }


def novel_rows() -> Iterator[Row]:
    """Yield every novel with the split of its claims."""
    with (check.HERE / "novels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {**row, "characters": int(row["characters"])}


def _rows_by_split(make: Callable[[Path], Iterable[Row]]) -> dict[str, Iterable[Row]]:
    return {split: [row for path in check.files(split) for row in make(path)] for split in check.SPLITS}


def _write(out: Path, name: str, rows: Mapping[str, Iterable[Row]]) -> Row:
    """Write a file of JSON lines for each split; return the configuration. One folder must have one format of files."""
    (out / name).mkdir()
    for split, own in rows.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in own]
        (out / name / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return {"config_name": name, "data_files": [{"split": split, "path": f"{name}/{split}.jsonl"} for split in rows]}
