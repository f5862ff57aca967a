"""The small world of ``small_world.py``, and its hostile twin."""

from __future__ import annotations

import pytest

from tests.pipeline.report.small_world import World, make_hostile_world, make_world


@pytest.fixture
def world() -> World:
    """Give the small world."""
    return make_world()


@pytest.fixture
def hostile() -> World:
    """Give the world whose every text is markup."""
    return make_hostile_world()
