"""Colours that can be read: every text against every ground it stands on, light and dark (WCAG 2, level AA)."""

from __future__ import annotations

import re

import pytest

from pipeline.report.resources import read_template

TEXTS = ("ink", "soft", "link", "support", "contradict", "neutral")
GROUNDS = ("paper", "sheet", "neutral-wash")
OWN_GROUNDS = (
    ("support", "support-wash"),
    ("contradict", "contradict-wash"),
    ("ink", "shared"),
    ("ink", "support-wash"),
)
LEAST = 4.5


def _palette(scheme: str) -> dict[str, str]:
    """Return the colours by name; the dark ones take the place of the light."""
    blocks = re.findall(r":root \{(.*?)\}", read_template("style.css"), re.DOTALL)
    sources = blocks[:1] if scheme == "light" else blocks[:2]
    return {name: value for block in sources for name, value in re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)}


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: str, second: str) -> float:
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(scheme: str) -> None:
    colours = _palette(scheme)
    pairs = [*((text, ground) for text in TEXTS for ground in GROUNDS), *OWN_GROUNDS]
    faint = {pair: round(_contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: contrast for pair, contrast in faint.items() if contrast < LEAST} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_can_be_seen_on_every_ground(scheme: str) -> None:
    colours = _palette(scheme)
    assert all(_contrast(colours["focus"], colours[ground]) >= 3 for ground in GROUNDS)
