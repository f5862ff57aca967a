"""Check the shapes that signatures promise, in every call that a test makes in its own process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from beartype import beartype
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bdh", "pipeline", "benchmarks")
SHAPE = re.compile(r"jaxtyping\.\w+\[")
# Triton compiles the source of a kernel; Transformers writes __init__ itself; torch asks what is a generator function.
UNWRAPPED = re.compile(r"@triton\.jit|^from transformers import|@torch\.\w+\(\)\ndef .*Iterator", re.MULTILINE)


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with the shapes of its arguments and its result checked; mypy checks the other types."""
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if SHAPE.search(repr(hint))}
    return beartype(function) if function.__annotations__ else function


def _modules() -> list[str]:
    """Return the modules that name shapes and may be wrapped."""
    texts = {path: path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    shaped = [path for path, text in texts.items() if "from bdh.shapes import" in text and not UNWRAPPED.search(text)]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in shaped]


def check_shapes() -> None:
    """Check every module that is imported from now on; a module imported earlier stays as it is."""
    install_import_hook(_modules(), "tests.shapes.check")
