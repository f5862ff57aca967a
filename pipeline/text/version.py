"""The version of the analysis of a novel, part of the key of its cached sentences and mentions."""

from __future__ import annotations

ANALYSIS_VERSION = 4
"""Raise it with every change after which some text has other sentences or mentions, in any module.

``tests/pipeline/text/test_version.py`` fails if the analysis of its texts changes and this number does not.
"""
