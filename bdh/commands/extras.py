"""Optional libraries, and the error for one that is missing."""

from importlib.util import find_spec

from bdh.errors import ExtraError

_MODULES = {
    "hub": ("huggingface_hub",),
    "lm-eval": ("lm_eval",),
    "plots": ("matplotlib", "networkx"),
}


def require(extra: str) -> None:
    """Raise ExtraError unless the libraries of ``extra`` are installed."""
    missing = [name for name in _MODULES[extra] if find_spec(name) is None]
    if missing:
        raise ExtraError(
            f"{', '.join(missing)} not installed; pip install 'bdh-narrative[{extra}]' installs what is needed"
        )
