"""Transformers' own common tests of models, run on ``bdh.causal_lm.BDHForCausalLM``.

Makes: runs/records/transformers_tests.md, the outcome of each test; docs/transformers.md sums it up. The tests are in
the source distribution of Transformers, not in the installed package:

    pip download --no-deps --no-binary :all: transformers==5.23.0
    tar xzf transformers-5.23.0.tar.gz
    pip install parameterized==0.9.0
    RUN_SLOW=1 python -m runs.transformers_tests transformers-5.23.0/tests > runs/records/transformers_tests.md

The tests of generation and of exporters are not in that distribution: empty classes replace them. Minutes on a CPU.
"""

import argparse
import contextlib
import copy
import importlib
import io
import sys
import unittest
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import transformers
from _pytest.outcomes import Skipped
from transformers import AutoModel

from bdh.causal_lm import BDHForCausalLM, BDHPretrainedConfig

_PACKAGE = "transformers_own_tests"
_MISSING = {
    "exporters.test_export": {"ExportTesterMixin": type("ExportTesterMixin", (), {})},
    "generation.test_utils": {"GenerationTesterMixin": type("GenerationTesterMixin", (), {})},
    "utils.test_configuration_utils": {"config_common_kwargs": {"return_dict": False, "dtype": "float16"}},
}
_SIZES = {"n_layer": 2, "n_embd": 32, "n_head": 2, "mlp_internal_dim_multiplier": 2, "vocab_size": 99, "dropout": 0.0}
_DAMPING = {"decay": [0.9, 0.99], "learn_decay": True}


class Tester:
    """What the tests ask about the model: its sizes and a batch."""

    batch_size, seq_length, is_training = 3, 7, True
    causal_lm_class = base_model_class = BDHForCausalLM

    num_hidden_layers, hidden_size = _SIZES["n_layer"], _SIZES["n_embd"]

    def get_config(self) -> BDHPretrainedConfig:
        """Return the sizes of a tiny model."""
        return BDHPretrainedConfig(**_SIZES, **_DAMPING)

    def prepare_config_and_inputs_for_common(self) -> tuple[BDHPretrainedConfig, dict[str, torch.Tensor]]:
        """Return a configuration and a batch without padding."""
        tokens = torch.randint(1, _SIZES["vocab_size"], (self.batch_size, self.seq_length))
        return self.get_config(), {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}


def make_tests(folder: Path) -> list[type[unittest.TestCase]]:
    """Return the test cases, made of the mixins in ``folder``."""
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    for name, content in _MISSING.items():
        for whole in (f"{_PACKAGE}.{name.split('.')[0]}", f"{_PACKAGE}.{name}"):
            sys.modules.setdefault(whole, ModuleType(whole))
        vars(sys.modules[f"{_PACKAGE}.{name}"]).update(content)
    transformers.utils.direct_transformers_import = lambda _: transformers  # not from a source tree: the installed one
    models, training, configs = (
        importlib.import_module(f"{_PACKAGE}.{name}")
        for name in ("test_modeling_common", "test_training_mixin", "test_configuration_common")
    )
    models.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES["bdh"] = BDHForCausalLM.__name__
    AutoModel.register(BDHPretrainedConfig, BDHForCausalLM)
    members: dict[str, Any] = {
        "all_model_classes": (BDHForCausalLM,),
        "has_attentions": False,
        "test_can_init_all_missing_weights_before_2023": True,
        "model_tester": Tester(),
        "_prepare_for_class": _prepare_for_class,
    }
    common = type("Common", (models.ModelTesterMixin, unittest.TestCase), members)
    trained = type("Training", (training.TrainingTesterMixin, unittest.TestCase), members)

    def test_config(self: unittest.TestCase) -> None:
        configs.ConfigTester(self, config_class=BDHPretrainedConfig, **_SIZES, **_DAMPING).run_common_tests()

    return [common, trained, type("Configuration", (unittest.TestCase,), {"test_config": test_config})]


def _prepare_for_class(
    _: object, inputs: dict[str, torch.Tensor], model_class: object, return_labels: bool = False
) -> dict[str, torch.Tensor]:
    inputs = copy.deepcopy(inputs)
    return {**inputs, "labels": inputs["input_ids"].clone()} if return_labels else inputs


class Outcomes(unittest.TestResult):
    """The outcome of each test, with the reason unless it passed."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, str]] = []

    def _add(self, test: unittest.TestCase, outcome: str, reason: str = "") -> None:
        test = getattr(test, "test_case", test)  # that of a part of a test
        self.rows.append((f"{test._testMethodName.removeprefix('test_')}", outcome, " ".join(reason.split())))

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        """Record a test that passes."""
        self._add(test, "passes")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        """Record a test that skips itself."""
        self._add(test, "skipped", reason)

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:  # noqa: N802
        """Record a test that fails, or skips itself as pytest does."""
        outcome = "skipped" if isinstance(error[1], Skipped) else "fails"
        self._add(test, outcome, f"{error[0].__name__}: {error[1]}"[:300])

    addError = addFailure  # noqa: N815

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, error: Any) -> None:  # noqa: N802
        """Record a part of a test that does not pass."""
        if error is not None:
            self.addFailure(test, error)


def main() -> None:
    """Run the tests and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder tests/ of the source distribution")
    parser.add_argument("--only", default="", help="run only tests with this in their names")
    parser.add_argument("--trace", action="store_true", help="show the tests' own reports")
    arguments = parser.parse_args()
    outcomes = Outcomes()
    for case in make_tests(arguments.folder):
        names = [name for name in unittest.TestLoader().getTestCaseNames(case) if arguments.only in name]
        if arguments.trace:
            unittest.TextTestRunner().run(unittest.TestSuite(map(case, names)))
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            unittest.TestSuite(map(case, names)).run(outcomes)
    print("| outcome | tests |\n|---|---|")
    for (outcome, reason), rows in groupby(sorted(outcomes.rows, key=_outcome), key=_outcome):
        names = [name for name, _, _ in rows]
        print(f"| {outcome}{': ' * bool(reason)}{reason.replace('|', '/')} | {len(names)}: {', '.join(names)} |")


def _outcome(row: tuple[str, str, str]) -> tuple[str, str]:
    return row[1:]


if __name__ == "__main__":
    main()
