"""Quoted speech is found in each way of printing it."""

from __future__ import annotations

import pytest

from pipeline.narration.quotations import find_quotations
from pipeline.records import Span


def quoted(text: str) -> list[str]:
    return [text[slice(*span)] for span in find_quotations(text, Span(0, len(text))).spans]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("“Go,” he said. “Now.” I went.", ["“Go,”", "“Now.”"]),
        ('"Go," he said. "Now." I went.', ['"Go,"', '"Now."']),
        ("‘Don’t go,’ he said. I didn’t. ‘The boys’ boat is gone.’", ["‘Don’t go,’", "‘The boys’ boat is gone.’"]),
        ("'Don't go,' he said. 'It's late.'", ["'Don't go,'", "'It's late.'"]),
        ("«Go,» he said.", ["«Go,»"]),
        ("“I began.\n\n“I ended.” Then I slept.", ["“I began.", "“I ended.”"]),
        ("“He told me ‘Go!’ and I went.” I slept.", ["“He told me ‘Go!’ and I went.”"]),
        ("--I am here, said Tom.\n\nI saw him.\n\n--I know, I said.", ["--I am here, said Tom.", "--I know, I said."]),
        ("I never closed it. “It is late,\n\nI thought, and slept.", ["“It is late,"]),
        ("I don't say it's 'tis or 'em. The boys' boat.", []),
    ],
)
def test_quotations_are_found(text: str, spoken: list[str]) -> None:
    assert quoted(text) == spoken


def test_paragraphs_may_be_lines() -> None:
    lines = [f'"Open speech {number}, said Tom. He rowed on and on and on.' for number in range(100)]
    text = "\n".join([*lines, "I saw it."])
    assert len(quoted(text)) == 100 and "I saw it." not in quoted(text)[-1]


def test_place_is_looked_up() -> None:
    text = "“Go,” I said. “Now.”"
    found = find_quotations(text, Span(0, len(text)))
    assert found.covers(1) and not found.covers(text.index("I said"))
    assert found.at(text.index("Now")) == Span(text.index("“Now"), len(text))
    assert list(found.between(0, 6)) == [Span(0, 5)]
