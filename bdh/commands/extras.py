"""Optional libraries: there, or an error that says how to get them."""

from importlib.util import find_spec

from bdh.errors import ExtraError

_MODULES = {
    "hub": ("huggingface_hub",),
    "plots": ("matplotlib", "networkx"),
}


def require(extra: str) -> None:
    """Raise ExtraError unless the libraries of ``extra`` are installed."""
    missing = [name for name in _MODULES[extra] if find_spec(name) is None]
    if missing:
        raise ExtraError(
            f"{', '.join(missing)} not installed; pip install 'bdh-narrative[{extra}]' brings what is needed"
        )
