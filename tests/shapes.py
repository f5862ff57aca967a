"""Check the shapes that signatures promise, in every call that a test makes in its own process; slow tests do without.

jaxtyping brings numpy, which counts its threads when it is imported: both wait until the environment is set.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import update_wrapper, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bdh", "pipeline", "benchmarks")
SHAPE = re.compile(r"jaxtyping\.\w+\[")
# Triton compiles the source of a kernel; Transformers writes __init__ itself; torch asks what is a generator function.
UNWRAPPED = re.compile(r"@triton\.jit|^from transformers import|@torch\.\w+\(\)\ndef .*Iterator", re.MULTILINE)


def check() -> None:
    """Check every module that is imported from now on; a module imported earlier stays as it is."""
    import jaxtyping

    jaxtyping.install_import_hook(_modules(), "tests.shapes.checked")
    of_jaxtyping = jaxtyping.jaxtyped

    def jaxtyped(**options: Any) -> Callable[[Any], Any]:
        decorate = of_jaxtyping(**options)
        return lambda own: once_per_shapes(own, decorate) if isinstance(own, FunctionType) else decorate(own)

    jaxtyping.jaxtyped = jaxtyped  # which is what the hook puts in front of every function


def once_per_shapes(function: FunctionType, decorate: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return ``function``, checked in every call with shapes it has not passed with: equal ones pass again."""
    from jaxtyping import config

    if not _names_shapes(function):
        return function
    whole, passed = decorate(function), set[Hashable]()

    @wraps(function)
    def once(*args: Any, **more: Any) -> Any:
        if config.jaxtyping_disable:
            return function(*args, **more)
        given = _shapes_of((args, more))
        is_new = given not in passed
        result = whole(*args, **more) if is_new else function(*args, **more)
        outcome = (given, _shapes_of(result))
        if not is_new and outcome not in passed:
            decorate(_giving(result, function))(*args, **more)
        passed.update((given, outcome))
        return result

    return once


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


def _names_shapes(function: FunctionType) -> bool:
    try:
        hints = inspect.get_annotations(function, eval_str=True)
    except NameError:  # of a name that comes later, or that mypy alone imports: any of them may be a shape
        return True
    return any(SHAPE.search(repr(hint)) for hint in hints.values())


def _shapes_of(value: Any) -> Hashable:
    """Return what a check of a value looks at: shapes and types of numbers, those in containers too, else the type."""
    if isinstance(value, tuple | list):
        return (type(value), *map(_shapes_of, value))
    if isinstance(value, dict):
        return (dict, *((name, _shapes_of(own)) for name, own in value.items()))
    return (type(value), value.shape, value.dtype) if hasattr(value, "dtype") else type(value)


def _giving(result: Any, function: FunctionType) -> Callable[..., Any]:
    """Return a function with the signature of ``function`` that does nothing but return ``result``."""

    def give(*args: Any, **more: Any) -> Any:
        return result

    return update_wrapper(FunctionType(give.__code__, function.__globals__, closure=give.__closure__), function)


def _modules() -> list[str]:
    """Return the modules that name shapes and may be wrapped."""
    texts = {path: path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    shaped = [path for path, text in texts.items() if "from bdh.shapes import" in text and not UNWRAPPED.search(text)]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in shaped]
