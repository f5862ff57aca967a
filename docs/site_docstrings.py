"""Examples in docstrings, for the site: an extension of griffe that marks what begins with ``>>>`` as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class FenceExamples(griffe.Extension):
    """Put examples of interactive Python between fences, as Markdown needs them."""

    def on_object(self, *, obj: griffe.Object, **settings: Any) -> None:
        """Fence the examples in the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fence, obj.docstring.value)


def _fence(example: re.Match[str]) -> str:
    code = re.sub(r" +# doctest: .*", "", example[0])
    return f"```pycon\n{code}\n```"
