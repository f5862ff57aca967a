"""The script of the ablation table runs from end to end."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bdh.neuro.config import SWITCHES

SCRIPT = Path(__file__).parents[3] / "runs" / "neuro_ablation.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("neuro_ablation", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["neuro_ablation"] = module  # where dataclasses look themselves up
    specification.loader.exec_module(module)
    return module


def test_table_has_a_row_for_every_setting(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the ferry did not run on sundays. " * 60)
    flags = ["--iters", "2", "--seq_len", "6", "--batch_size", "2", "--n", "16", "--d", "8", "--device", "cpu"]
    out = tmp_path / "table.md"
    script.main(["--data", str(tmp_path / "text.txt"), "--out", str(out), "--seeds", "2", *flags])
    rows = [line.split(" | ") for line in out.read_text().splitlines() if line.startswith("| ")]
    names = [row[0].removeprefix("| ") for row in rows]
    assert names == ["setting", "published", *(f"without {name}" for name in SWITCHES), "plain (Definition 4)"]
    assert all("±" in row[1] for row in rows[1:])
    assert rows[1][2] == "+0.000"


def test_settings_differ_in_what_they_name(script: ModuleType) -> None:
    settings = script.list_settings(16, 8, 30)
    assert len({str(config.to_dict()) for config in settings.values()}) == len(settings)
