"""The texts of the claims of a backstory, for tests."""

from __future__ import annotations

import spacy

from pipeline.claims.extract import extract_claims

NLP = spacy.blank("en")
NLP.add_pipe("sentencizer")
EDMOND = "Edmond Dantès"


def texts(backstory: str, character: str = EDMOND) -> list[str]:
    """Return the texts of the claims of a backstory about ``character``."""
    return [claim.text for claim in extract_claims(backstory, character, NLP)]
