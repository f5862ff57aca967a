"""One small frozen dataclass per stage; each checks itself and says the rule that was broken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from pipeline.errors import SettingError

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder: what ships with it is found from any working folder."""
LLMTask = Literal["summaries", "claims", "judge"]
LLMMode = Literal["off", "summaries", "claims", "judge", "all"]
ENGINES = ("local", "ray")
JUDGES = ("bdh", "groq", "heuristic", "hf:MODEL")
"""Who may say what a passage does to a claim."""


@dataclass(frozen=True)
class ChunkConfig:
    """Chunks of ``n_sent_per_chunk`` sentences, of which neighbours share ``overlap``."""

    n_sent_per_chunk: int = 6
    overlap: int = 2

    def __post_init__(self) -> None:
        if self.n_sent_per_chunk < 1:
            raise SettingError(f"n_sent_per_chunk is {self.n_sent_per_chunk}; it must be at least 1")
        if not 0 <= self.overlap < self.n_sent_per_chunk:
            raise SettingError(
                f"overlap is {self.overlap}; it must be at least 0 and smaller than n_sent_per_chunk "
                f"({self.n_sent_per_chunk})"
            )


@dataclass(frozen=True)
class TextConfig:
    """How a novel becomes sentences and names.

    ``spacy_model`` finds persons: the tagger that ships, another folder or installed package, or ``rules``. Sentences
    are parted by rules for the first and the last, and by the model's own parser for any other.
    """

    spacy_model: str = "models/persons"
    chunks: ChunkConfig = field(default_factory=ChunkConfig)

    def __post_init__(self) -> None:
        if not self.spacy_model.strip():
            raise SettingError(
                "spacy_model is empty; it must be a folder, an installed spaCy model, or the word 'rules'"
            )


@dataclass(frozen=True)
class ReadingConfig:
    """How the reader streams. ``segment`` tokens go through the model at once, in chunks of ``chunk_size``."""

    model_dir: str = "models/reader"
    device: str = "auto"
    dtype: str = "auto"
    segment: int = 512
    save_every_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.dtype not in {"auto", "fp32", "bf16"}:
            raise SettingError(f"dtype is {self.dtype!r}; it must be auto, fp32 or bf16")
        if self.segment < 1:
            raise SettingError(f"segment is {self.segment}; it must be at least 1")


@dataclass(frozen=True)
class RetrievalConfig:
    """Hybrid retrieval: ``top_k`` chunks a claim by reciprocal-rank fusion of BM25 and state distance.

    ``time_bonus`` is the share by which a chunk gains that tells of the time of life that the claim speaks of.
    """

    top_k: int = 10
    fusion_k: int = 60
    state_weight: float = 0.1
    time_bonus: float = 0.02

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise SettingError(f"top_k is {self.top_k}; it must be at least 1")
        if not 0 <= self.state_weight <= 1:
            raise SettingError(f"state_weight is {self.state_weight}; it must lie between 0 and 1")
        if not 0 <= self.time_bonus <= 1:
            raise SettingError(f"time_bonus is {self.time_bonus}; it must lie between 0 and 1")


@dataclass(frozen=True)
class ScoringConfig:
    """Where the fitted verdict and the weights of the checks lie, who judges passages, how sure a verdict must be.

    ``judge`` is one of ``JUDGES``. A backstory is uncertain when its probability lies nearer to its model's threshold
    than ``uncertain_below`` - 0.5.
    """

    verdict_dir: str = "models/verdict"
    uncertain_below: float = 0.55
    judge: str = "bdh"

    @property
    def band(self) -> float:
        """Half the width of the range of probabilities around a threshold that counts as undecided."""
        return self.uncertain_below - 0.5

    def __post_init__(self) -> None:
        model = self.judge.removeprefix("hf:") if self.judge.startswith("hf:") else ""
        if self.judge not in JUDGES[:3] and not model.strip():
            raise SettingError(f"judge is {self.judge!r}; it must be one of {', '.join(JUDGES)}")
        if not 0.5 <= self.uncertain_below < 1:
            raise SettingError(f"uncertain_below is {self.uncertain_below}; it must lie in [0.5, 1)")


@dataclass(frozen=True)
class LLMConfig:
    """What Groq is asked for (``mode``; off by default), which model, and how patiently.

    ``labels`` asks for the labels of passages beside what ``mode`` asks for, as the judge ``groq`` does.
    ``timeout_seconds`` counts for one request; ``max_retries`` more follow a rate limit, an error of the service, a
    time-out or a hang-up.
    """

    mode: LLMMode = "off"
    model: str = "openai/gpt-oss-120b"
    timeout_seconds: float = 60.0
    max_retries: int = 5
    labels: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(LLMMode):
            raise SettingError(f"llm is {self.mode!r}; it must be one of {', '.join(get_args(LLMMode))}")
        if not self.model.strip():
            raise SettingError("the model of the LLM is empty; it must be the name of a model that Groq serves")
        if not 0 < self.timeout_seconds < float("inf"):
            raise SettingError(f"timeout_seconds is {self.timeout_seconds}; it must be a positive number of seconds")
        if self.max_retries < 0:
            raise SettingError(f"max_retries is {self.max_retries}; it must be at least 0")

    def asks_for(self, task: LLMTask) -> bool:
        """Say whether Groq is to do this task."""
        return self.mode in {task, "all"} or (task == "judge" and self.labels)

    @property
    def asked(self) -> bool:
        """Whether Groq is asked for anything."""
        return self.mode != "off" or self.labels


@dataclass(frozen=True)
class EngineConfig:
    """Where many novels are worked on: one after the other here, or by a pool of ``workers`` of a Ray cluster.

    Without ``address`` the cluster is this machine. ``workers`` 0 is as many as there is room for. A worker computes on
    ``threads`` threads; 0 is torch's own choice in the engine ``local`` and one in the engine ``ray``.
    """

    name: str = "local"
    address: str | None = None
    workers: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise SettingError(f"engine is {self.name!r}; it must be one of {', '.join(ENGINES)}")
        if self.workers < 0:
            raise SettingError(f"workers is {self.workers}; it must be at least 1, or 0 for as many as find room")
        if self.name == "local" and (self.address or self.workers > 1):
            flag = "ray_address" if self.address else "workers"
            raise SettingError(f"--{flag} is for the engine ray, and the engine is local; add --engine ray")


@dataclass(frozen=True)
class PipelineConfig:
    """Every stage's settings, and the seed that all chance draws from.

    The judge ``groq`` and Groq's task ``judge`` are one thing: either one sets the other.
    """

    text: TextConfig = field(default_factory=TextConfig)
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    llm: LLMConfig = field(default_factory=LLMConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**31:
            raise SettingError(f"seed is {self.seed}; it must be at least 0 and below 2**31")
        judge = self.scoring.judge
        if self.llm.asks_for("judge") and judge not in {"bdh", "groq"}:
            raise SettingError(
                f"judge is {judge!r} and Groq is to judge, too (llm {self.llm.mode!r}); name one judge: leave judge "
                "out, or ask Groq for summaries or claims alone"
            )
        if judge == "groq" and not self.llm.asks_for("judge"):
            object.__setattr__(self, "llm", replace(self.llm, labels=True))
        elif judge == "bdh" and self.llm.asks_for("judge"):
            object.__setattr__(self, "scoring", replace(self.scoring, judge="groq"))


def resolve_model_dir(name: str) -> Path:
    """Return a folder of models: relative to the working folder where it exists there, else to the project's folder."""
    path = Path(name)
    return path if path.exists() or path.is_absolute() else ROOT / path
