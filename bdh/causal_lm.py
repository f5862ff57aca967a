"""A BDH model inside Transformers: ``AutoModelForCausalLM`` and ``generate`` with the recurrent memory as the cache.

Importing this file registers the model type ``bdh``; ``import bdh`` does not import it.
"""

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    Cache,
    GenerationMixin,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers import initialization as init
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils.hub import cached_file

from bdh import checkpoint, hub
from bdh.config import BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.model import BDH
from bdh.prefill import prefill, prefill_padded
from bdh.rotary_buffers import RotaryBuffers
from bdh.shapes import Int, Tensor
from bdh.state import BDHState
from bdh.tokenizer import Tokenizer, load_tokenizer

_PUSH_NAMES = {"repo_id": "repo_id", "token": "token", "private": "private", "commit_message": "message"}


class BDHPretrainedConfig(PretrainedConfig):  # type: ignore[no-untyped-call]
    """The sizes of a BDH model as Transformers stores them; the fields are those of ``BDHConfig``."""

    model_type = "bdh"
    attribute_map = {  # noqa: RUF012  # the name and form that Transformers asks for
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }
    n_layer: int = 6
    n_embd: int = 256
    n_head: int = 4
    mlp_internal_dim_multiplier: int = 128
    vocab_size: int = 256
    dropout: float = 0.1
    rope_theta: float = 2.0**16
    decay: tuple[float, ...] | list[float] | None = None
    learn_decay: bool = False
    chunk_size: int = 128
    variant: str = "bdh"
    format_version: int = checkpoint.FORMAT_VERSION
    use_cache: bool = True
    tie_word_embeddings: bool = False
    # Weights may be stored in 16 bits, but computation is in float32 by default.
    dtype: Any = "float32"

    def to_bdh(self) -> BDHConfig:
        """Return the library's own configuration; raises ConfigError for a value that is not valid."""
        if self.variant != "bdh":
            raise ConfigError(
                f"variant is {self.variant!r}; only 'bdh' runs in Transformers, read others with bdh.load"
            )
        return BDHConfig.from_dict({item.name: getattr(self, item.name) for item in fields(BDHConfig)})

    def to_diff_dict(self) -> dict[str, Any]:
        """Return the content of config.json: the library's own fields, and those that Transformers needs."""
        kind = {name: getattr(self, name) for name in ("model_type", "variant", "format_version")}
        return (
            kind
            | self.to_bdh().to_dict()
            | {name: value for name, value in self.to_dict().items() if name in checkpoint.FOREIGN_NAMES}
        )


class StateCache(Cache):
    """A ``BDHState`` as the cache of Transformers: its size does not depend on the text."""

    def __init__(self, state: BDHState | None = None) -> None:
        super().__init__(layers=[])
        self.state = state

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the number of tokens read."""
        return 0 if self.state is None else self.state.position

    def reorder_cache(self, beam_idx: Int[Tensor, "B"]) -> None:
        """Keep the memories of the rows ``beam_idx``, in that order: beam search."""
        self.batch_select_indices(beam_idx)

    def batch_select_indices(self, indices: Int[Tensor, "B"]) -> None:
        """Keep the memories of the rows ``indices``, in that order."""
        if self.state is not None:
            memory = self.state.memory
            self.state = replace(self.state, memory=memory.index_select(1, indices.to(memory.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each memory ``repeats`` times in a row."""
        self.state = None if self.state is None else self.state.fork(repeats)

    def reset(self) -> None:
        """Drop the state."""
        self.state = None

    def crop(self, tokens_to_remove: int) -> None:
        """Raise StateError: a sum cannot lose its last terms. Fork the state before tokens that may be removed."""
        raise StateError(
            f"a memory cannot remove its last {tokens_to_remove} tokens; fork the state before reading them"
        )


class BDHForCausalLM(PreTrainedModel, GenerationMixin):
    """A ``BDH`` with the interface of Transformers: masks, ``generate``, ``save_pretrained`` and ``from_pretrained``.

    ``save_pretrained`` writes a folder that ``bdh.load`` reads, and ``from_pretrained`` reads one that ``bdh.save``
    wrote. The state is passed as ``past_key_values``, a ``StateCache``.
    """

    config_class = BDHPretrainedConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _is_stateful = True
    _keep_in_fp32_modules_strict = ["freqs", "decay_logit"]  # noqa: RUF012

    def __init__(self, config: BDHPretrainedConfig) -> None:
        super().__init__(config)
        self.model = BDH(config.to_bdh())
        self.bdh_tokenizer: Tokenizer | None = None
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def from_bdh(cls, model: BDH, tokenizer: Tokenizer | None = None) -> "BDHForCausalLM":
        """Return the wrapper of a copy of ``model``; with ``tokenizer``, ``save_pretrained`` writes it too."""
        wrapped = cls(BDHPretrainedConfig(**model.config.to_dict()))
        wrapped.model.load_state_dict(model.state_dict())
        wrapped.bdh_tokenizer = tokenizer
        nn.Module.to(wrapped, model.device)
        wrapped.train(model.training)
        return wrapped

    def forward(
        self,
        input_ids: Int[Tensor, "B T"],
        attention_mask: Int[Tensor, "B S"] | None = None,
        past_key_values: StateCache | None = None,
        labels: Int[Tensor, "B T"] | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast | tuple[Any, ...]:
        """Read ``input_ids`` as the continuation of ``past_key_values`` and predict each next token.

        ``labels`` are the tokens themselves, shifted here (-100 for none). ``attention_mask`` may hide padding on the
        left of a row without a state, or on the right if no state is kept. ``logits_to_keep`` k > 0 returns only the
        last k logits. Raises ConfigError for other masks, StateError for a state that does not fit.
        """
        keep = use_cache if use_cache is not None else self.config.use_cache and not self.training
        cache = past_key_values if past_key_values is not None or not keep else StateCache()
        hidden, after = self._read(input_ids, attention_mask, None if cache is None else cache.state, keep)
        if cache is not None and keep:
            cache.state = after
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits, _ = self.model.head(hidden if labels is not None else hidden[:, kept], None)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        output = CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=cache if keep else None)
        return output.to_tuple() if return_dict is False else output

    def _read(
        self, tokens: Int[Tensor, "B T"], mask: Int[Tensor, "B S"] | None, state: BDHState | None, keep: bool
    ) -> tuple[Tensor, BDHState | None]:
        mask = None if mask is None else mask[:, -tokens.shape[1] :]
        if mask is None or bool(mask.all()):
            return prefill(self.model, tokens, state, keep_state=keep)
        if state is not None:
            raise StateError("the mask hides tokens after a state; pad only rows without a state")
        return prefill_padded(self.model, tokens, mask, keep_state=keep)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """Return False: ``forward`` makes the cache."""
        return False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Initialise parameters that a checkpoint does not have; ``init`` skips those that Transformers has loaded."""
        if isinstance(module, BDH):
            for weight in (module.encoder, module.encoder_v, module.decoder, module.embed.weight, module.lm_head):
                init.normal_(weight, mean=0.0, std=0.02)
        if isinstance(module, RotaryBuffers):
            fresh = RotaryBuffers(self.config.to_bdh())
            for name, value in (*fresh.named_parameters(), *fresh.named_buffers()):
                init.copy_(getattr(module, name), value)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the model of a folder or of a hub id; takes the arguments of ``PreTrainedModel.from_pretrained``."""
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        where = {
            name: kwargs[name] for name in ("cache_dir", "token", "revision", "local_files_only") if name in kwargs
        }
        missing_is_none = {"_raise_exceptions_for_missing_entries": False}
        path = cached_file(pretrained_model_name_or_path, "tokenizer.json", **missing_is_none, **where)
        model.bdh_tokenizer = None if path is None else load_tokenizer(path)
        return loaded

    def save_pretrained(self, save_directory: Any, *args: Any, push_to_hub: bool = False, **kwargs: Any) -> None:
        """Write a folder for ``bdh.load``; takes the arguments of ``PreTrainedModel.save_pretrained``.

        A model that was loaded writes its tokenizer too; for any other save the tokenizer to the same folder.
        """
        pushed = {new: kwargs.pop(old) for old, new in _PUSH_NAMES.items() if old in kwargs}
        weights = kwargs.pop("state_dict", None) or self.state_dict()
        kwargs["state_dict"] = {name.removeprefix("model."): value for name, value in weights.items()}
        super().save_pretrained(save_directory, *args, **kwargs)
        if self.bdh_tokenizer is not None:
            self.bdh_tokenizer.save(Path(save_directory) / "tokenizer.json")
        if push_to_hub:
            hub.push_to_hub(save_directory, **{"repo_id": Path(save_directory).name, **pushed})


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """Return ``tokenizer`` with the interface of Transformers; no special tokens are added."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(path)
        return PreTrainedTokenizerFast(tokenizer_file=str(path))  # type: ignore[no-untyped-call]


AutoConfig.register(BDHPretrainedConfig.model_type, BDHPretrainedConfig, exist_ok=True)
AutoModelForCausalLM.register(BDHPretrainedConfig, BDHForCausalLM, exist_ok=True)
AutoTokenizer.register(  # type: ignore[no-untyped-call]
    BDHPretrainedConfig, PreTrainedTokenizerFast, exist_ok=True
)
