"""The manifest: settings, methods and hashes of a run, and the files that it wrote."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.report.summaries import SUMMARY_METHOD
from pipeline.storage.files import sha256_of, write_json

FORMAT_VERSION = 1
FILE_NAME = "manifest.json"
# What can change a result; the rest of an environment cannot.
_PACKAGES = (
    "bdh-narrative",
    "bm25s",
    "groq",
    "jinja2",
    "numpy",
    "pandas",
    "PyStemmer",
    "safetensors",
    "scikit-learn",
    "spacy",
    "tokenizers",
    "torch",
    "transformers",
)
_SECRET = re.compile(r"(?:^|_)(?:api_?key|key|token|password|secret|credentials?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """The inputs of a run: settings, seed, SHA-256 of each set of weights, and its methods in plain words.

    ``weights`` maps a part (``reader``, ``claim_reader``, ``judge``, ``verdict``) to a hash; ``methods`` maps a step
    (``scorer``, ``claims``, ``retrieval``, ...) to one sentence on how it is done; ``scorer`` is never missing.
    ``settings`` is the configuration as nested mappings.
    """

    settings: Mapping[str, Any]
    seed: int
    weights: Mapping[str, str]
    methods: Mapping[str, str]

    def __post_init__(self) -> None:
        assert "scorer" in self.methods, "the manifest needs the method of the scorer"

    def all_methods(self) -> dict[str, str]:
        """Return the methods, with that of the summaries."""
        return {"summary": SUMMARY_METHOD, **self.methods}


def write_manifest(out_dir: Path, manifest: Manifest, *, novels: Mapping[str, str], files: Iterable[Path]) -> Path:
    """Write ``manifest.json``, with the hashes of ``files`` as they are on the disk.

    ``novels`` maps a name to the SHA-256 of its file. It contains neither the time nor the machine nor the user, so
    that equal runs write equal bytes.
    """
    return write_json(
        out_dir / FILE_NAME,
        {
            "format_version": FORMAT_VERSION,
            "settings": without_secrets(manifest.settings),
            "seed": manifest.seed,
            "weights": dict(manifest.weights),
            "novels": dict(novels),
            "methods": manifest.all_methods(),
            "packages": package_versions(),
            "files": [{"name": path.relative_to(out_dir).as_posix(), "sha256": sha256_of(path)} for path in files],
        },
    )


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` without any entry named like a key, token, password or secret, at any depth."""
    return {
        name: without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if not _SECRET.search(name)
    }


@cache
def package_versions() -> dict[str, str | None]:
    """Return the version of Python and of each package that can change a result; None where it is not installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
