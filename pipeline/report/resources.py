"""The data files of the package: templates, styles and scripts, and the schemas of the artefacts."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

_PACKAGE = "pipeline.report"


def read_template(name: str) -> str:
    """Return the source of the template called ``name``."""
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def read_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of the artefact called ``name``, such as ``chunks`` or ``manifest``."""
    schema: dict[str, Any] = json.loads(read_template(f"schemas/{name}.json"))
    return schema


def schema_names() -> tuple[str, ...]:
    """Return the name of every schema, sorted."""
    folder = resources.files(_PACKAGE).joinpath("schemas")
    return tuple(sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json")))
