"""Quotation marks and brackets that come in pairs."""

from __future__ import annotations


def is_balanced(text: str) -> bool:
    """Return True if ``text`` closes every quotation mark and round bracket that it opens.

    A single closing mark may have no opening one, as it is an apostrophe too.

    >>> is_balanced("He said “Go!"), is_balanced("He said ‘don’t’.")
    (False, True)
    """
    return (
        text.count("“") == text.count("”")
        and text.count("(") == text.count(")")
        and text.count('"') % 2 == 0
        and text.count("‘") <= text.count("’")
    )
