"""A BDH model as a class of Transformers, with the recurrent memory as the cache.

``bdh.causal_lm`` registers it and adds what needs the rest of the library. This file and those that it imports are
what ``save_pretrained`` writes next to the weights, for processes without the library (``bdh.remote_code``).
"""

from dataclasses import fields, replace
from typing import Any

import torch
from torch import nn
from transformers import Cache, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import CausalLMOutputWithPast

from bdh.config import FOREIGN_NAMES, FORMAT_VERSION, BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.model import BDH
from bdh.prefill import Prefill, Wanted, prefill, prefill_masked
from bdh.rotary_buffers import RotaryBuffers
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState

_LOSS_SETTINGS = {"num_items_in_batch", "shift_labels"}  # not in a signature: Trainer takes any "label" for required


class BDHPretrainedConfig(PretrainedConfig):  # type: ignore[no-untyped-call]
    """The sizes of a BDH model as Transformers stores them; the fields are those of ``BDHConfig``."""

    model_type = "bdh"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012  # the form that Transformers asks for
    attribute_map = {  # noqa: RUF012
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
    format_version: int = FORMAT_VERSION
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
            | {name: value for name, value in self.to_dict().items() if name in FOREIGN_NAMES}
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
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = True  # num_items_in_batch of Trainer
    _is_stateful = True
    _no_split_modules = ["BDH"]  # noqa: RUF012  # all layers share one set of weights
    _keep_in_fp32_modules_strict = ["freqs", "decay_logit"]  # noqa: RUF012

    def __init__(self, config: BDHPretrainedConfig) -> None:
        super().__init__(config)
        self.model = BDH(config.to_bdh())
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Int[Tensor, "B T"] | None = None,
        attention_mask: Int[Tensor, "B S"] | None = None,
        past_key_values: StateCache | None = None,
        inputs_embeds: Float[Tensor, "B T D"] | None = None,
        labels: Int[Tensor, "B T"] | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        **loss_settings: Any,
    ) -> CausalLMOutputWithPast | tuple[Any, ...]:
        """Read ``input_ids``, or embeddings, as the continuation of ``past_key_values``; predict each next token.

        ``labels`` are the tokens themselves, shifted here (-100 for none); with them no cache is made unless
        ``use_cache`` is True. What ``attention_mask`` hides in a row without a state, on either side or inside, is not
        read. ``logits_to_keep`` k > 0 returns only the last k logits, ``output_hidden_states`` the input of each layer
        and the output of the last. ``loss_settings`` are num_items_in_batch and shift_labels, as Trainer gives them.
        Raises ConfigError for input that is not valid, StateError for a state that does not fit, TypeError for an
        argument of another name.
        """
        _check_settings(loss_settings, output_attentions)
        tokens = _choose_input(input_ids, inputs_embeds)
        scored = labels is not None or loss_settings.get("shift_labels") is not None
        keep = use_cache if use_cache is not None else self.config.use_cache and not (self.training or scored)
        cache = past_key_values if past_key_values is not None or not keep else StateCache()
        hidden = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        last = logits_to_keep if isinstance(logits_to_keep, int) and not scored else 0
        read = self._read(tokens, attention_mask, None if cache is None else cache.state, Wanted(keep, hidden, last))
        if cache is not None and keep:
            cache.state = read.state
        logits, loss = read.logits, None
        if scored:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **loss_settings)
        if isinstance(logits_to_keep, Tensor):
            logits = logits[:, logits_to_keep]
        output = CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=cache if keep else None, hidden_states=read.hidden or None
        )
        return output.to_tuple() if return_dict is False else output

    def _read(self, tokens: Tensor, mask: Tensor | None, state: BDHState | None, wanted: Wanted) -> Prefill:
        if mask is not None:
            if mask.dim() != 2 or len(mask) != len(tokens) or mask.shape[1] < tokens.shape[1]:
                raise ConfigError(
                    f"attention_mask has shape {tuple(mask.shape)}; expected one row of 0 and 1 per text, for all of "
                    f"its tokens: {tuple(tokens.shape[:2])}"
                )
            mask = mask[:, mask.shape[1] - tokens.shape[1] :]
        if mask is None or bool(mask.all()):
            return prefill(self.model, tokens, state, wanted)
        if state is not None:
            raise StateError("the mask hides tokens after a state; pad only rows without a state")
        return prefill_masked(self.model, tokens, mask, wanted, self.config.to_bdh())

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """Return False: ``forward`` makes the cache."""
        return False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Initialise parameters that a checkpoint does not have; ``init`` skips those that Transformers has loaded."""
        if isinstance(module, BDH):
            for weight in (module.encoder, module.encoder_v, module.decoder, module.lm_head):
                init.normal_(weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, RotaryBuffers):
            fresh = RotaryBuffers(self.config.to_bdh())
            for name, value in (*fresh.named_parameters(), *fresh.named_buffers()):
                init.copy_(getattr(module, name), value)

    def _body(self) -> BDH:
        """Return the model, which an adapter of another library may have wrapped."""
        return next(module for module in self.model.modules() if isinstance(module, BDH))

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of tokens."""
        return self._body().embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of tokens; one of another size needs an output of that size as well."""
        self._body().embed = value  # type: ignore[assignment]

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Embedding:
        """Change the vocabulary; takes the arguments of ``PreTrainedModel.resize_token_embeddings``.

        The output matrix gets the same size: ``get_output_embeddings`` is None, because it is a parameter (D, V).
        """
        embeddings = super().resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        body, size = self._body(), embeddings.num_embeddings
        if size != body.lm_head.shape[1]:
            width, before = body.lm_head.shape
            head = nn.Linear(width, before, bias=False, device="meta")
            head.weight = nn.Parameter(body.lm_head.detach().T)
            resized = self._get_resized_lm_head(head, size, mean_resizing=mean_resizing).weight.detach().T.contiguous()
            body.lm_head = nn.Parameter(resized, requires_grad=body.lm_head.requires_grad)
            body.config = self.config.to_bdh()
        return embeddings

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Write a folder for ``bdh.load``; takes the arguments of ``PreTrainedModel.save_pretrained``."""
        weights = kwargs.pop("state_dict", None) or self.state_dict()
        kwargs["state_dict"] = {name.removeprefix("model."): value for name, value in weights.items()}
        super().save_pretrained(save_directory, *args, **kwargs)


def _check_settings(loss_settings: dict[str, Any], output_attentions: bool | None) -> None:
    """Refuse what the model would ignore."""
    for name in loss_settings.keys() - _LOSS_SETTINGS:
        raise TypeError(f"BDHForCausalLM.forward() got an unexpected keyword argument '{name}'")
    if output_attentions:
        raise ConfigError("linear attention has no matrix of weights to return; leave output_attentions out")


def _choose_input(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    if (input_ids is None) == (inputs_embeds is None):
        given = "neither" if input_ids is None else "both"
        raise ConfigError(f"input_ids or inputs_embeds must be given, and {given} were")
    tokens: Tensor = input_ids if input_ids is not None else inputs_embeds  # type: ignore[assignment]
    if tokens.dim() < 2 or 0 in tokens.shape:
        raise ConfigError(f"the input has shape {tuple(tokens.shape)}; expected a batch of texts of at least one token")
    return tokens
