"""The model card: sizes and metrics of a model, and how to load it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from bdh.config import BDHConfig
from bdh.neuro.config import NeuroConfig

_KNOWN = {
    "val_loss": "validation loss, nats per token",
    "val_bits_per_byte": "validation bits per byte",
    "loss": "loss, nats per token",
    "bits_per_byte": "bits per byte",
    "perplexity": "perplexity per token",
    "step": "step",
    "active_x": "share of active neurons x",
    "active_y": "share of active neurons y",
    "tokens_per_second": "training tokens per second",
}
_HELD_OUT = ("val_loss", "val_bits_per_byte", "bits_per_byte", "perplexity")


def model_card(config: BDHConfig | NeuroConfig, name: str, *, metrics: Mapping[str, float] | None = None) -> str:
    """Return README.md of the model ``name``: front matter for the hub, sizes, metrics and usage.

    Of ``metrics`` only the numbers with a known name are shown.
    """
    shown = {key: float(metrics[key]) for key in _KNOWN if metrics and isinstance(metrics.get(key), (int, float))}
    parts = [
        _front_matter(name, shown),
        f"# {name}\n",
        "A Baby Dragon Hatchling (BDH) language model: linear attention over sparse, positive neurons, with a working "
        "memory of fixed size that can be carried from text to text "
        "([arXiv:2509.26507](https://arxiv.org/abs/2509.26507)).\n",
        _sizes(config),
        _figures(shown),
        _usage(name),
        _TRANSFORMERS.format(name=name) if isinstance(config, BDHConfig) else "",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(name: str, metrics: Mapping[str, float]) -> str:
    lines = [
        "---",
        "library_name: bdh",
        "pipeline_tag: text-generation",
        "tags: [bdh, dragon-hatchling, linear-attention]",
    ]
    held_out = {key: value for key, value in metrics.items() if key in _HELD_OUT and math.isfinite(value)}
    if held_out:
        # JSON is valid YAML: no other escaping is needed.
        values = [{"type": key, "name": _KNOWN[key], "value": value} for key, value in held_out.items()]
        result = {"task": {"type": "text-generation"}, "dataset": {"type": "text", "name": "held-out text"}}
        index = [{"name": name, "results": [{**result, "metrics": values}]}]
        lines.append(f"model-index: {json.dumps(index, ensure_ascii=False)}")
    return "\n".join([*lines, "---", ""])


def _sizes(config: BDHConfig | NeuroConfig) -> str:
    rows = _bdh_sizes(config) if isinstance(config, BDHConfig) else config.to_dict()
    rows = {"parameters": f"{config.n_parameters:,}", **rows}
    return "## Sizes\n\n| | |\n|---|---|\n" + "".join(f"| {key} | {value} |\n" for key, value in rows.items())


def _bdh_sizes(config: BDHConfig) -> dict[str, Any]:
    return {
        "layers (sharing one set of weights)": config.n_layer,
        "width": config.n_embd,
        "heads": config.n_head,
        "neurons per head": f"{config.n_neurons:,}",
        "tokens": f"{config.vocab_size:,}" + (" (bytes)" if config.vocab_size == 256 else ""),
        "damping per token": "none" if config.decay is None else ", ".join(f"{factor:g}" for factor in config.decay),
    }


def _figures(metrics: Mapping[str, float]) -> str:
    if not metrics:
        return ""
    rows = "".join(f"| {_KNOWN[key]} | {value:,.5g} |\n" for key, value in metrics.items())
    return "## Figures\n\n| | |\n|---|---|\n" + rows


def _usage(name: str) -> str:
    return f"""## Use

```python
from bdh.hub import from_hub

model, tokenizer = from_hub("{name}")
```
"""


_TRANSFORMERS = """Or through Transformers; without the library installed, the code beside the weights runs:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained("{name}", trust_remote_code=True)
inputs = tokenizer("Once upon a time", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))
```
"""
