"""A reference to the sentence before is written out where it is certain, and stays where it is not."""

from __future__ import annotations

import pytest

from tests.pipeline.claims.claim_texts import texts


@pytest.mark.parametrize(
    ("backstory", "last"),
    [
        ("He met Haydée Ali in Rome. He loved her.", "Edmond Dantès loved her."),  # Rome is another name
        ("He met Haydée Ali. He loved her.", "Edmond Dantès loved Haydée Ali."),
        ("He met Haydée. Her father was a king.", "Edmond Dantès: Haydée's father was a king."),
        ("He was raised by his sister Ruth. She taught him to read.", "Ruth taught Edmond Dantès to read."),
        ("His mother died. He buried his sister Ruth. He misses her.", "Edmond Dantès misses Ruth."),
        # two may be meant
        ("His mother died. He met Haydée. He misses her.", "Edmond Dantès misses her."),
        ("He left Julie Morrel. He met Haydée. He misses her.", "Edmond Dantès misses her."),
        ("He met Haydée. His aunt raised her.", "Edmond Dantès's aunt raised her."),
    ],
)
def test_a_pronoun_becomes_the_only_person_named_before(backstory: str, last: str) -> None:
    assert texts(f"He was a sailor. {backstory}")[-1] == last


@pytest.mark.parametrize(
    ("backstory", "last"),
    [
        (
            "His hands have trembled ever since the week of the inquiry. He has not cut anybody after that.",
            "Edmond Dantès has not cut anybody after the week of the inquiry.",
        ),
        ("He lived in Rome until the war. After that he moved.", "After the war, Edmond Dantès moved."),
        ("He lived in Rome until the war. After that day he moved.", "After that day, Edmond Dantès moved."),
        ("He lived in Rome until the war ended. After that he moved.", "After that Edmond Dantès moved."),
        ("He was arrested in 1815. After that he limped.", "After that Edmond Dantès limped."),
    ],
)
def test_a_point_in_time_is_named_again(backstory: str, last: str) -> None:
    assert texts(f"He was a sailor. {backstory}")[-1] == last
