"""The template, the style and the schemas travel with the installed package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.report.resources import read_schema, read_template, schema_names

ROOT = Path(__file__).resolve().parents[3]


def test_every_file_of_the_package_is_package_data() -> None:
    folder = ROOT / "pipeline" / "report"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["pipeline.report"]
    shipped = {path for pattern in patterns for path in folder.glob(pattern)}
    files = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert files == shipped


@pytest.mark.parametrize(
    "name",
    [
        "report.html.jinja",
        "index.html.jinja",
        "sheet.html.jinja",
        "macros.html.jinja",
        "style.css",
        "index.css",
        "index.js",
    ],
)
def test_template_is_read_from_the_package(name: str) -> None:
    assert read_template(name)


def test_every_schema_is_read_from_the_package() -> None:
    assert all(read_schema(name)["$schema"].endswith("2020-12/schema") for name in schema_names())
    assert len(schema_names()) == 14
