"""One small frozen dataclass per stage; each checks itself and names the rule that was broken.

The command line makes a flag of every setting from the help text that it carries (``pipeline.commands.shared_flags``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.errors import ModelError, SettingError

_PACKAGE = Path(__file__).resolve().parent
IS_CLONE = (_PACKAGE.parent / "pyproject.toml").is_file()
"""False where the package is installed: then the story is inside it, and the models are in ``DATA_PACKAGE``."""
ROOT = _PACKAGE.parent if IS_CLONE else _PACKAGE / "bundled"
"""The folder of the bundled ``novels/`` and ``examples/``: the clone, else one inside the installed package."""
COMMAND = "python -m pipeline" if IS_CLONE else "novel-check"
"""What messages call the program that runs every command."""
DATA_PACKAGE = "bdh_narrative_models"
"""The package of weights, which several wheels may fill: each adds folders to one namespace."""
MODELS = "models"
"""The folder of weights in a clone, and the first part of the default names of models."""
LLMTask = Literal["summaries", "claims", "judge"]
LLMMode = Literal["off", "summaries", "claims", "all"]
ENGINES = ("local", "ray")
SELDOM = "seldom needed"
"""The group of flags that few users ever set."""
MACHINE = "models and machine"
"""The group of flags for weights, devices and chance."""


def _setting(default: Any, text: str, *, metavar: str | None = None, flag: str | None = None, group: str = "") -> Any:
    """Return a dataclass field with its help text; ``flag`` is the flag's name where it is not the field's."""
    return field(default=default, metadata={"help": text, "metavar": metavar, "flag": flag, "group": group})


@dataclass(frozen=True)
class ChunkConfig:
    """Chunks of ``n_sent_per_chunk`` sentences, of which neighbours share ``overlap``."""

    n_sent_per_chunk: int = _setting(6, "sentences of a chunk", metavar="N")
    overlap: int = _setting(2, "sentences that neighbouring chunks share", metavar="N")

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
    are split by rules for the first and the last, and by the model's own parser for any other. ``narrator`` is for one
    novel (``pipeline.narration.given``); else the file next to the novel counts, and else what the text shows.
    """

    spacy_model: str = _setting(
        "models/persons",
        "spaCy model that finds persons: a folder, an installed one such as en_core_web_sm, or the word rules for "
        "capitalised words by rules",
        metavar="NAME",
    )
    narrator: tuple[str, ...] = _setting(
        (),
        "who tells the novel as \"I\", where the text does not show it: NAME, '1-10: NAME' for some chapters, or none; "
        "repeat",
        metavar="NAME",
    )
    chunks: ChunkConfig = field(default_factory=ChunkConfig)

    def __post_init__(self) -> None:
        if not self.spacy_model.strip():
            raise SettingError(
                "spacy_model is empty; it must be a folder, an installed spaCy model, or the word 'rules'"
            )


@dataclass(frozen=True)
class ReadingConfig:
    """How the encoder reads a novel: ``segment`` tokens go through it at once, in chunks of its own ``chunk_size``."""

    model_dir: str = _setting("models/reader", "folder of the encoder and the verifier", metavar="DIR")
    device: str = _setting("auto", "auto, cpu, cuda, cuda:0 or mps")
    dtype: str = _setting("auto", "auto, fp32 or bf16")
    segment: int = _setting(512, "tokens that go through the encoder at once", metavar="N", group=SELDOM)
    save_every_seconds: float = _setting(20.0, "time between saves of a reading", metavar="SECONDS", group=SELDOM)

    def __post_init__(self) -> None:
        if self.dtype not in {"auto", "fp32", "bf16"}:
            raise SettingError(f"dtype is {self.dtype!r}; it must be auto, fp32 or bf16")
        if self.segment < 1:
            raise SettingError(f"segment is {self.segment}; it must be at least 1")
        if not self.save_every_seconds >= 0:
            raise SettingError(f"save_every_seconds is {self.save_every_seconds}; it must be at least 0")


@dataclass(frozen=True)
class RetrievalConfig:
    """Hybrid retrieval: ``top_k`` chunks a claim by reciprocal-rank fusion of BM25 and state distance.

    ``time_bonus`` is the relative gain of a chunk about the claim's life stage.
    """

    top_k: int = _setting(10, "passages retrieved for a claim", metavar="N")
    candidates: int = _setting(
        60, "passages found by words and state, of which the ranker keeps the best", metavar="N", group=SELDOM
    )
    ranker: str = _setting(
        "models/judge", "folder of the models that order passages, or none", metavar="DIR", group=SELDOM
    )
    fusion_k: int = _setting(60, "constant of the reciprocal-rank fusion", metavar="N", group=SELDOM)
    state_weight: float = _setting(
        0.1, "weight of the state distance in the ranking, 0 to 1; BM25 has the rest", metavar="SHARE", group=SELDOM
    )
    time_bonus: float = _setting(
        0.02, "gain of a passage about the claim's time of life, 0 to 1", metavar="SHARE", group=SELDOM
    )

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise SettingError(f"top_k is {self.top_k}; it must be at least 1")
        if self.candidates < 1:
            raise SettingError(f"candidates is {self.candidates}; it must be at least 1")
        if self.fusion_k < 1:
            raise SettingError(f"fusion_k is {self.fusion_k}; it must be at least 1")
        if not 0 <= self.state_weight <= 1:
            raise SettingError(f"state_weight is {self.state_weight}; it must be between 0 and 1")
        if not 0 <= self.time_bonus <= 1:
            raise SettingError(f"time_bonus is {self.time_bonus}; it must be between 0 and 1")


@dataclass(frozen=True)
class ScoringConfig:
    """The folder of the fitted verdict, the judge of claims, and the range of uncertain verdicts.

    ``judge`` is a name of ``pipeline.judging.registry``, which rejects unknown ones when it opens the judge. A
    backstory is uncertain when its probability is nearer to its model's threshold than ``uncertain_below`` - 0.5.
    """

    verdict_dir: str = _setting("models/verdict", "folder of the fitted verdict on backstories", metavar="DIR")
    judge_dir: str = _setting("models/judge", "folder of the judge of claims", metavar="DIR")
    uncertain_below: float = _setting(
        0.55, "a verdict nearer to its threshold than this - 0.5 is uncertain, 0.5 to 1", metavar="P", group=SELDOM
    )
    judge: str = _setting(
        "joint",
        "one of joint, bdh, groq, heuristic, hf:MODEL: the BDH verifier with a cross-encoder, the BDH verifier alone, "
        "Groq, declared rules on words, or a cross-encoder of Hugging Face by name or folder",
        metavar="JUDGE",
    )

    @property
    def band(self) -> float:
        """Half the width of the range of probabilities around a threshold that counts as undecided."""
        return self.uncertain_below - 0.5

    def __post_init__(self) -> None:
        if not self.judge.strip():
            raise SettingError("judge is empty; it must be the name of a judge")
        if not 0.5 <= self.uncertain_below < 1:
            raise SettingError(f"uncertain_below is {self.uncertain_below}; it must be in [0.5, 1)")


@dataclass(frozen=True)
class LLMConfig:
    """The tasks of Groq besides judging (``mode``; none by default), its model, and its timeouts.

    ``timeout_seconds`` is for one request; ``max_retries`` more follow a rate limit, an error of the service, a
    time-out or a dropped connection.
    """

    mode: LLMMode = _setting(  # noqa: RUF009 - a literal is as immutable as any text
        "off", f"task besides judging: one of {', '.join(get_args(LLMMode))}", metavar="TASK", flag="llm"
    )
    model: str = _setting("openai/gpt-oss-120b", "a model that Groq serves", metavar="NAME", flag="llm_model")
    timeout_seconds: float = _setting(60.0, "patience with one request to Groq", metavar="SECONDS", group=SELDOM)
    max_retries: int = _setting(5, "further requests to Groq after one that failed", metavar="N", group=SELDOM)

    def __post_init__(self) -> None:
        if self.mode not in get_args(LLMMode):
            raise SettingError(f"llm is {self.mode!r}; it must be one of {', '.join(get_args(LLMMode))}")
        if not self.model.strip():
            raise SettingError("the model of the LLM is empty; it must be the name of a model that Groq serves")
        if not 0 < self.timeout_seconds < float("inf"):
            raise SettingError(f"timeout_seconds is {self.timeout_seconds}; it must be a positive number of seconds")
        if self.max_retries < 0:
            raise SettingError(f"max_retries is {self.max_retries}; it must be at least 0")


@dataclass(frozen=True)
class EngineConfig:
    """How many novels are judged: one after the other in this process, or by ``workers`` of a Ray cluster.

    Without ``address`` the cluster is this machine. ``workers`` 0 is as many as there is room for. A worker computes on
    ``threads`` threads; 0 is as many as the process may use in the engine ``local`` and one in the engine ``ray``.
    """

    name: str = _setting(
        "local",
        f"one of {', '.join(ENGINES)}: one novel after the other here, or many at once",
        metavar="ENGINE",
        flag="engine",
    )
    address: str | None = _setting(
        None, "a running Ray cluster, or auto; else this machine is the cluster", metavar="ADDRESS", flag="ray_address"
    )
    workers: int = _setting(0, "workers of Ray, of --threads each; 0: as many as there is room for", metavar="N")
    threads: int = _setting(0, "processor threads; 0: as many as this process may use", metavar="N", group=MACHINE)

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise SettingError(f"engine is {self.name!r}; it must be one of {', '.join(ENGINES)}")
        if self.workers < 0:
            raise SettingError(f"workers is {self.workers}; it must be at least 1, or 0 for as many as fit")
        if self.name == "local" and (self.address or self.workers > 1):
            flag = "ray_address" if self.address else "workers"
            raise SettingError(f"--{flag} is for the engine ray, and the engine is local; add --engine ray")


@dataclass(frozen=True)
class PipelineConfig:
    """Every stage's settings, and the seed that all chance draws from."""

    text: TextConfig = field(default_factory=TextConfig)
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    llm: LLMConfig = field(default_factory=LLMConfig)
    seed: int = _setting(0, "of all chance", metavar="N")

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**31:
            raise SettingError(f"seed is {self.seed}; it must be at least 0 and below 2**31")

    @property
    def groq_tasks(self) -> frozenset[LLMTask]:
        """The tasks that are Groq's: those of ``llm``, and judging where Groq is the judge."""
        by_mode: dict[LLMMode, tuple[LLMTask, ...]] = {
            "off": (),
            "summaries": ("summaries",),
            "claims": ("claims",),
            "all": ("summaries", "claims"),
        }
        judging: tuple[LLMTask, ...] = ("judge",) if self.scoring.judge == "groq" else ()
        return frozenset(by_mode[self.llm.mode] + judging)


def resolve_model_dir(name: str) -> Path:
    """Return a folder of models: as given where it exists, else the clone's or the one of the installed data package.

    Raises ModelError where the name is of a model that ships and the data package is not installed.
    """
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path
    if IS_CLONE or path.parts[:1] != (MODELS,):
        return ROOT / path
    spec = find_spec(DATA_PACKAGE)
    places = [Path(place, *path.parts[1:]) for place in (spec.submodule_search_locations if spec else None) or ()]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise ModelError(
            f"the weights {name} are not installed: they are in no package {DATA_PACKAGE}, which bdh-narrative-models, "
            "bdh-narrative-judge and bdh-narrative-verifier bring; install these, or name your own folders, see --help"
        )
    return found
