"""The gallery is of the judge whose outcomes are recorded, and short."""

from __future__ import annotations

from itertools import product
from typing import get_args

from pipeline.records import ClaimLabel
from runs import gallery
from tests.pipeline import backstory_pairs

FILES = [file for file in backstory_pairs.load_all() if file.sha256]


def test_page_has_the_recorded_outcomes() -> None:
    recorded = [(file.book, pair, pair.expected) for file in FILES for pair in file.pairs if pair.expected]
    table = "\n".join(gallery.overview(recorded))
    assert table in gallery.PAGE.read_text(encoding="utf-8"), f"make it anew: {gallery.__doc__}"


def test_page_shows_a_backstory_of_each_novel_in_two_minutes() -> None:
    shown = {id_ for id_, _ in gallery.SHOWN}
    assert [sum(pair.id in shown for pair in file.pairs) for file in FILES] == [1, 1, 1]
    assert len(gallery.PAGE.read_text(encoding="utf-8").splitlines()) <= 150
    assert max(path.stat().st_size for path in gallery.IMAGES.glob("*.png")) < 120_000


def test_every_label_has_a_ruling() -> None:
    assert set(gallery.RULINGS) == set(product(("stated", "open", "broken"), get_args(ClaimLabel)))
