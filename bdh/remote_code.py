"""The code beside the weights: this library's own files, flattened, for processes that cannot import it.

Transformers copies the files that a folder's ``modeling_bdh.py`` imports relatively, in one flat folder, and runs them
where ``trust_remote_code=True`` allows it. They are the files of the library with rewritten imports, nothing else; a
test compares their results. Triton kernels are left out: without the library, a GPU computes by the plain layers.
"""

import re
from pathlib import Path

from bdh.files import write_text

AUTO_MAP = {
    "AutoConfig": "modeling_bdh.BDHPretrainedConfig",
    "AutoModelForCausalLM": "modeling_bdh.BDHForCausalLM",
}
_ROOT = Path(__file__).resolve().parent
_ENTRY = "modeling_bdh"
_IMPORT = re.compile(r"^from (bdh[\w.]*) import (.+)$", re.MULTILINE)
_SHAPES = '''"""The names of axes, used in every signature; without jaxtyping they are only read, never checked."""

from torch import Tensor


class _Shaped:
    def __class_getitem__(cls, item: tuple[type, str]) -> type:
        return item[0]


Bool = Complex = Float = Int = _Shaped
__all__ = ["Bool", "Complex", "Float", "Int", "Tensor"]
'''


def write(folder: Path) -> None:
    """Write the code into ``folder``; each file completely or not at all."""
    for name, text in make_files().items():
        write_text(folder / name, text)


def make_files() -> dict[str, str]:
    """Return the content of each file of the code by its name; ``modeling_bdh.py`` is the one to load."""
    files: dict[str, str] = {}
    waiting = ["bdh.pretrained"]
    while waiting:
        module = waiting.pop()
        name = f"{_flat(module)}.py"
        if name not in files:
            source = _SHAPES if module == "bdh.shapes" else _read(module)
            waiting += _imported(source)
            files[name] = _IMPORT.sub(_rewrite, source)
    return dict(sorted(files.items()))


def _path(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")[1:])


def _read(module: str) -> str:
    return _path(module).with_suffix(".py").read_text(encoding="utf-8")


def _flat(module: str) -> str:
    return _ENTRY if module == "bdh.pretrained" else module.replace(".", "_")


def _imported(source: str) -> list[str]:
    """Return the modules that ``source`` imports; of a package those that it names."""
    modules = []
    for package, names in _IMPORT.findall(source):
        modules += [f"{package}.{name}" for name in names.split(", ")] if _path(package).is_dir() else [package]
    return modules


def _rewrite(line: re.Match[str]) -> str:
    """Return an import as a relative one; that of a module also in the form by which Transformers finds files."""
    package, names = line.groups()
    if not _path(package).is_dir():
        return f"from .{_flat(package)} import {names}"
    modules = [(name, _flat(f"{package}.{name}")) for name in names.split(", ")]
    found = [f"from .{flat} import __name__ as _  # so that Transformers copies the file" for _, flat in modules]
    return "\n".join([*found, *(f"from . import {flat} as {name}" for name, flat in modules)])
