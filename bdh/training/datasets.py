"""Datasets by name: downloaded once, cached, and split."""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bdh.errors import DataError
from bdh.files import replacing

ENVIRONMENT = "BDH_CACHE_DIR"
MIRROR = "https://raw.githubusercontent.com"
HELD_OUT = 0.1
_TIMEOUT = 30.0


@dataclass(frozen=True)
class _Source:
    """One file: its path below the mirror, and its hash if known."""

    path: str
    sha256: str | None = None


_SHAKESPEARE = _Source(
    "karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
_WIKITEXT = "pytorch/examples/main/word_language_model/data/wikitext-2"
_SOURCES = {
    "tinyshakespeare": {"train": _SHAKESPEARE, "validation": _SHAKESPEARE},
    "wikitext-2": {
        "train": _Source(f"{_WIKITEXT}/train.txt"),
        "validation": _Source(
            f"{_WIKITEXT}/valid.txt", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"
        ),
        "test": _Source(f"{_WIKITEXT}/test.txt", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"),
    },
}
NAMES = tuple(_SOURCES)
SPLITS = ("train", "validation", "test")


def read_dataset(
    name: str,
    split: str,
    *,
    folder: Path | None = None,
    mirror: str | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> str:
    """Return the text of a split, from ``folder`` (or the cache) if it is there, else from ``mirror``.

    The validation split of a dataset of one file is its last tenth. ``report`` is called before a download. Raises
    DataError for an unknown name or split, without a network, and for a file with another hash.
    """
    if name not in _SOURCES:
        raise DataError(f"dataset {name!r} is unknown; choose one of {', '.join(NAMES)}, or give files of your own")
    sources = _SOURCES[name]
    if split not in sources:
        raise DataError(f"{name} has no split {split!r}; it has {', '.join(sources)}")
    text = _read(sources[split], (folder or default_folder()) / name, mirror or MIRROR, report)
    if len(set(sources.values())) > 1:
        return text
    train, held_out = cut_held_out(text)
    return train if split == "train" else held_out


def cut_held_out(text: str) -> tuple[str, str]:
    """Return the beginning of a text and its last tenth, counted in characters."""
    cut = int(len(text) * (1 - HELD_OUT))
    return text[:cut], text[cut:]


def default_folder() -> Path:
    """Return the folder of datasets: below ``BDH_CACHE_DIR`` if it is set, else below the user's cache folder."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named) / "datasets"
    import platformdirs  # only needed for downloads

    return Path(platformdirs.user_cache_dir("bdh-narrative")) / "datasets"


def _read(source: _Source, folder: Path, mirror: str, report: Callable[[str], object]) -> str:
    path = folder / Path(source.path).name
    if not path.is_file():
        address = f"{mirror.rstrip('/')}/{source.path}"
        report(f"downloading {address}")
        _write(_fetch(address, path), path)
    content = path.read_bytes()
    if source.sha256 is not None and hashlib.sha256(content).hexdigest() != source.sha256:
        raise DataError(f"{path} is not the file of this dataset; remove it to download it again")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is damaged ({error}); remove it to download it again") from error


def _fetch(address: str, path: Path) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as response:
            content: bytes = response.read()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{path} does not exist and {address} could not be downloaded ({error}); connect to the network, put the "
            "file there, or give texts of your own instead of the dataset's name"
        ) from error
    return content


def _write(content: bytes, path: Path) -> None:
    """Write the file completely or not at all, even if several processes download it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)
