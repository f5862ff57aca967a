"""Settings of the pipeline are checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import LLMConfig
from pipeline.errors import SettingError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "some"}, "llm is 'some'; it must be one of off, summaries, claims, all"),
        ({"model": " "}, "model of the LLM is empty"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds is nan"),
        ({"timeout_seconds": 0}, "timeout_seconds is 0"),
        ({"max_retries": -1}, "max_retries is -1"),
    ],
)
def test_llm_config_refuses_invalid_values(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        LLMConfig(**settings)
