"""The stand-ins for models that the tests of the pipeline have."""

from tests.pipeline.conftest import stand_in_judge, stand_in_reader

__all__ = ["stand_in_judge", "stand_in_reader"]
