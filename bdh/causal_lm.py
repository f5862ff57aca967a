"""A BDH model inside Transformers: ``AutoModelForCausalLM`` and ``generate`` with the recurrent memory as the cache.

Importing this file registers the model type ``bdh``; ``import bdh`` does not import it.
"""

import tempfile
from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils.hub import cached_file

from bdh import hub, pretrained, remote_code
from bdh.model import BDH
from bdh.pretrained import BDHPretrainedConfig, StateCache
from bdh.tokenizer import Tokenizer, load_tokenizer

__all__ = ["BDHForCausalLM", "BDHPretrainedConfig", "StateCache", "wrap_tokenizer"]
_PUSH_NAMES = {"repo_id": "repo_id", "token": "token", "private": "private", "commit_message": "message"}


class BDHForCausalLM(pretrained.BDHForCausalLM):  # type: ignore[no-untyped-call]
    """The model of ``bdh.pretrained`` with the library's tokenizer, hub and code.

    What ``save_pretrained`` writes loads with ``trust_remote_code=True`` in processes without the library.
    """

    def __init__(self, config: BDHPretrainedConfig) -> None:
        super().__init__(config)
        self.bdh_tokenizer: Tokenizer | None = None

    @classmethod
    def from_bdh(cls, model: BDH, tokenizer: Tokenizer | None = None) -> "BDHForCausalLM":
        """Return the wrapper of a copy of ``model``; with ``tokenizer``, ``save_pretrained`` writes it too."""
        wrapped = cls(BDHPretrainedConfig(**model.config.to_dict()))
        wrapped.model.load_state_dict(model.state_dict())
        wrapped.bdh_tokenizer = tokenizer
        nn.Module.to(wrapped, model.device)
        wrapped.train(model.training)
        return wrapped

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
        self.config.auto_map = dict(remote_code.AUTO_MAP)
        super().save_pretrained(save_directory, *args, **kwargs)
        remote_code.write(Path(save_directory))
        if self.bdh_tokenizer is not None:
            self.bdh_tokenizer.save(Path(save_directory) / "tokenizer.json")
        if push_to_hub:
            hub.push_to_hub(save_directory, **{"repo_id": Path(save_directory).name, **pushed})


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """Return ``tokenizer`` with the interface of Transformers; no special tokens are added."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(path)
        return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_file=str(path), model_input_names=["input_ids", "attention_mask"]
        )


AutoConfig.register(BDHPretrainedConfig.model_type, BDHPretrainedConfig, exist_ok=True)
AutoModelForCausalLM.register(BDHPretrainedConfig, BDHForCausalLM, exist_ok=True)
AutoTokenizer.register(  # type: ignore[no-untyped-call]
    BDHPretrainedConfig, PreTrainedTokenizerFast, exist_ok=True
)
