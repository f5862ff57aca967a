"""The analysis of fixed texts changes with its version alone, and cached sentences are those of the version."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.book import Book, BookOpener
from pipeline.config import ROOT, TextConfig
from pipeline.storage.cache import ReadingCache
from pipeline.text.persons import RULES
from pipeline.text.version import ANALYSIS_VERSION

HERE = Path(__file__).parent
GOLDEN = HERE / "analysis.golden.json"
TEXTS = (ROOT / "novels" / "The Unlit Hour.txt", HERE / "tricky_sentences.txt")


def opener(model: str, cache: Path) -> BookOpener:
    return BookOpener(TextConfig(spacy_model=model), (), ReadingCache(cache))


def digest(book: Book) -> str:
    found = [book.sentences, [(mention.start, mention.end, mention.sentence) for mention in book.mentions]]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def test_analysis_changes_with_its_version_alone(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    digests = {
        f"{text.stem}, {Path(model).name}": digest(opener(model, tmp_path).open(text))
        for model in (RULES, TextConfig.spacy_model)
        for text in TEXTS
    }
    found = {"version": ANALYSIS_VERSION, "sha256": digests}
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else {}
    if golden.get("sha256") not in (None, digests):
        assert golden["version"] != ANALYSIS_VERSION, (
            "sentences or mentions of the fixed texts have changed, and runs would go on with those in the cache: "
            "raise ANALYSIS_VERSION in pipeline/text/version.py and run this test with pytest --update-golden"
        )
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8", newline="\n")
        return
    assert found == golden, "ANALYSIS_VERSION was raised: run this test with pytest --update-golden"


def test_cached_analysis_is_used_by_its_own_version_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysed: list[str] = []
    split = opener(RULES, tmp_path).open(TEXTS[1]).sentences
    monkeypatch.setattr("pipeline.book.split_sentences", lambda novel, nlp: analysed.append(novel.name) or split)
    opener(RULES, tmp_path).open(TEXTS[1])
    assert analysed == []
    monkeypatch.setattr("pipeline.book.ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    assert opener(RULES, tmp_path).open(TEXTS[1]).sentences == split
    assert analysed == [TEXTS[1].stem]
