"""What these tests share with those of the pipeline: the little story, the stand-in for the reader, one thread."""

from tests.pipeline.conftest import _one_thread, _own_cache, shelf, stand_in_config, stand_in_reader

__all__ = ["_one_thread", "_own_cache", "shelf", "stand_in_config", "stand_in_reader"]
