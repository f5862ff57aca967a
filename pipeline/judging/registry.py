"""The judges by name. A further judge is one file with a factory, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pipeline.errors import SettingError
from pipeline.judging.interface import ClaimJudge, JudgeContext
from pipeline.judging.llm_judge import open_llm_judge
from pipeline.judging.pair.hugging_face import open_cross_encoder_judge
from pipeline.judging.pair.rules import open_rules_judge
from pipeline.judging.window_judge import open_bdh_judge, open_joint_judge

JUDGES: dict[str, Callable[[JudgeContext], ClaimJudge]] = {
    "joint": open_joint_judge,
    "bdh": open_bdh_judge,
    "groq": open_llm_judge,
    "heuristic": open_rules_judge,
    "hf:MODEL": open_cross_encoder_judge,
}
"""How each judge is opened. A name with ``:MODEL`` takes an argument after its colon."""


def open_judge(name: str, context: JudgeContext) -> ClaimJudge:
    """Return the judge called ``name``; raises SettingError for an unknown name, ModelError for missing weights."""
    kind, colon, argument = name.partition(":")
    factory = JUDGES.get(f"{kind}:MODEL" if colon else kind)
    if factory is None or bool(colon) != bool(argument.strip()):
        raise SettingError(f"judge is {name!r}; it must be one of {', '.join(JUDGES)}")
    return factory(replace(context, argument=argument))
