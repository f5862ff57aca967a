"""Every exception the pipeline raises on purpose, in one tree.

A message says what was found, what was expected and what to do, in one line. The command line prints it and exits
with status 2; library users catch ``PipelineError``.
"""


class PipelineError(Exception):
    """Base of every error that the user of the pipeline can act on."""


class EncodingError(PipelineError):
    """The bytes of a file are not text in any encoding that can be recognised."""


class NovelError(PipelineError):
    """A novel is missing, unreadable, empty or ambiguous."""


class CharacterError(PipelineError):
    """A character is found nowhere in the novel, or a name is empty."""


class BackstoryError(PipelineError):
    """A backstory is missing, unreadable, or holds no claim."""


class TableError(PipelineError):
    """A training, test or claim table has missing columns, bad labels or duplicate ids."""


class SettingError(PipelineError):
    """A flag or a configuration value breaks its rule."""


class WaiverError(PipelineError):
    """A file of findings marked as intentional is damaged, or a mark does not fit its verdict."""


class OutputError(PipelineError):
    """An artefact cannot be written where the user asked for it."""


class CacheError(PipelineError):
    """A cached reading cannot be written or is not what its key promises."""


class ModelError(PipelineError):
    """Shipped weights are missing or do not belong together."""


class LLMError(PipelineError):
    """The Groq service was asked for and did not give a usable answer."""


class DailyLimitError(LLMError):
    """The Groq service gives no more answers today."""
