"""The template, the style and the schemas travel with the installed package."""

from __future__ import annotations

import pytest

from pipeline.report.resources import read_schema, read_template, schema_names


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
