"""What these tests share with those of the pipeline: the little story, the stand-ins for models, one thread."""

from tests.pipeline.conftest import (
    _judge_by_the_stand_in,
    _one_thread,
    _own_cache,
    _spacy_loaded_once,
    shelf,
    stand_in_config,
    stand_in_judge,
    stand_in_reader,
)

__all__ = [
    "_judge_by_the_stand_in",
    "_one_thread",
    "_own_cache",
    "_spacy_loaded_once",
    "shelf",
    "stand_in_config",
    "stand_in_judge",
    "stand_in_reader",
]
