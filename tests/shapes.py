"""Check the shapes that signatures promise, in every call that a test makes in its own process; slow tests do without.

jaxtyping brings numpy, which counts its threads when it is imported: both wait until the environment is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bdh", "pipeline", "benchmarks")
SHAPE = re.compile(r"jaxtyping\.\w+\[")
# Triton compiles the source of a kernel; Transformers writes __init__ itself; torch asks what is a generator function.
UNWRAPPED = re.compile(r"@triton\.jit|^from transformers import|@torch\.\w+\(\)\ndef .*Iterator", re.MULTILINE)


def check() -> None:
    """Check every module that is imported from now on; a module imported earlier stays as it is."""
    from jaxtyping import install_import_hook

    install_import_hook(_modules(), "tests.shapes.checked")


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with the shapes of its arguments and its result checked; mypy checks the other types."""
    from beartype import beartype

    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if SHAPE.search(repr(hint))}
    return beartype(function) if function.__annotations__ else function


@contextmanager
def unchecked() -> Iterator[None]:
    """Let every shape pass."""
    from jaxtyping import config

    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)


def _modules() -> list[str]:
    """Return the modules that name shapes and may be wrapped."""
    texts = {path: path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    shaped = [path for path, text in texts.items() if "from bdh.shapes import" in text and not UNWRAPPED.search(text)]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in shaped]
