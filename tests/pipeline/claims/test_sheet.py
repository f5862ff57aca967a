"""Character sheets of every kind become the claims that they state, each with the line it comes from."""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.extract import extract_claims, read_claims
from pipeline.claims.files import decode_backstory
from pipeline.claims.people import part_of, read_parts
from pipeline.claims.sheet import SheetText
from pipeline.errors import BackstoryError
from tests.pipeline.claims.claim_texts import NLP
from tests.pipeline.claims.sheet_files import ADA, EXPECTED, FOLDER, names, read, summarise

STORED: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))


def _texts(sheet: str, character: str = ADA) -> list[str]:
    return [claim.text for claim in extract_claims(sheet, character, NLP)]


@pytest.mark.parametrize("name", names())
def test_sheet_becomes_the_claims_that_it_states(name: str) -> None:
    assert summarise(name) == STORED[name]


def test_every_sheet_has_its_row_in_the_page_of_inputs() -> None:
    page = (FOLDER.parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
    section = page.split("## Character sheets\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", section, re.MULTILINE)) >= set(names())


@pytest.mark.parametrize("name", [name for name in names() if (FOLDER / name).suffix in {".txt", ".md", ".yaml"}])
def test_source_is_verbatim_and_on_its_line(name: str) -> None:
    sheet = read(name)
    lines = sheet.text.split("\n")
    for part in read_parts(sheet, lambda known: known in {ADA, "Ben Hale"}):
        if part.name or len(STORED[name]) == 1:
            for claim in read_claims(part, part.name or ADA, NLP).claims:
                assert claim.source in sheet.text
                assert claim.source.split("\n")[0] in lines[claim.line - 1]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Age: about 40", "Ada Merrow was about 40 years old."),
        ("Age: mid-thirties", "Ada Merrow was in the mid-thirties."),
        ("Age: 34 (in 1815)", "Ada Merrow was 34 years old (in 1815)."),
        ("Born: c. 1790", "Ada Merrow was born about 1790."),
        ("DOB: 1790-03-02", "Ada Merrow was born on 1790-03-02."),
        ("Born: spring 1790", "Ada Merrow was born in spring 1790."),
        ("Eye colour: green", "Ada Merrow's eyes were green."),
        ("Eyes: green eyes", "Ada Merrow had green eyes."),
        ("**Hair**: black, long", "Ada Merrow's hair was black and long."),
        ("Height: average", "Ada Merrow was of average height."),
        ("Occupation: innkeeper", "Ada Merrow was an innkeeper."),
        ("Job: Captain of the Patience", "Ada Merrow was a captain of the Patience."),
        ("Occupation: retired", "Ada Merrow was retired."),
        ("Status: dead", "Ada Merrow was dead."),
        ("Gender: female", "Ada Merrow was a woman."),
        ("Siblings: one", "Ada Merrow had one sibling."),
        ("Siblings: only child", "Ada Merrow was an only child."),
        ("Father: died when she was nine", "Ada Merrow's father died when she was nine."),
        ("Education: Porth Grammar School", "Ada Merrow was educated at Porth Grammar School."),
        ("Skills: can swim", "Ada Merrow can swim."),
        ("Motivation: to save the light", "Ada Merrow's motivation was to save the light."),
        ("Favorite color: blue", "Ada Merrow's favourite colour was blue."),
        ("Scar: on the left cheek", "Ada Merrow had a scar on the left cheek."),
        ("Nickname: “the Gull”", "Ada Merrow was called “the Gull”."),
        ("Eyes: She had green eyes once.", "Ada Merrow had green eyes once."),
    ],
)
def test_field_reads_as_a_sentence(field: str, text: str) -> None:
    assert _texts(f"{field}\nWeight: 60 kg")[0] == text


@pytest.mark.parametrize(
    "value", ["", "?", "unknown", "n/a", "TBD", "—", "Porth?", "Porth (?)", "maybe Porth", "~~Porth~~"]
)
def test_value_that_is_missing_or_undecided_is_no_claim_and_told_once(value: str) -> None:
    found = read_claims(f"Age: 34\nHometown: {value}\nHair: {value}", ADA, NLP)
    assert [claim.text for claim in found.claims] == ["Ada Merrow was 34 years old."]
    (notice,) = found.notices
    assert notice.startswith("no claim was made of lines 2 and 3 of the backstory")


@pytest.mark.parametrize("field", ["Zodiac: Leo", "Theme: betrayal", "Age: of reason", "Family: complicated"])
def test_field_that_makes_no_sentence_is_told_with_its_line(field: str) -> None:
    found = read_claims(f"Hair: black\n{field}", ADA, NLP)
    assert len(found.claims) == 1
    (notice,) = found.notices
    assert notice == (
        f"line 2 of the backstory (“{field}”) could not be made into a sentence, and was not judged; write it as one"
    )


def test_many_lines_without_a_sentence_are_told_in_short() -> None:
    notices = read_claims("Age: 34\n" + "Zodiac: Leo\n" * 30, ADA, NLP).notices
    assert len(notices) == 21 and notices[-1].startswith("neither could lines 22, 23,")


@pytest.mark.parametrize(
    "text", ["<!--", "[[", "~~a", "(", "|\n", "a\tb\n", "Zodiac: Leo\n", "# Ada\n", "a: b\n", "Name: Ben\n"]
)
def test_long_hostile_sheet_is_read_or_refused_soon(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(BackstoryError):
        read_claims(f"Likes: {text}" + text * (20_000 // len(text)), ADA, NLP)
    assert time.process_time() - started < 20


def test_sheet_without_a_claim_says_why() -> None:
    with pytest.raises(BackstoryError, match=r"no claim; .*line 2 of the backstory .*could not be made"):
        extract_claims("Age: unknown\nZodiac: Leo", ADA, NLP)


def test_gender_gives_the_pronouns_of_prose() -> None:
    assert _texts("Sex: male\n\nThe gang feared him.", "Robin")[1] == "The gang feared Robin."


def test_only_the_part_of_the_character_is_read() -> None:
    sheet = read("two.md")
    part = part_of(sheet, "Ben Hale")
    claims, notices = read_claims(part, "Ben Hale", NLP)
    assert [claim.text for claim in claims] == ["Ben Hale was 40 years old.", "Ben Hale was born in Gull."]
    assert "only the part on Ben Hale was judged; the sheet has others, on 'Ada Merrow'" in notices


def test_sheet_of_several_without_the_character_is_refused_with_their_names() -> None:
    with pytest.raises(BackstoryError, match="no part for 'Clara Voss'; it names 'Ada Merrow', 'Ben Hale'"):
        part_of(read("two_names.txt"), "Clara Voss")


def test_sheet_of_another_name_is_judged_and_says_so() -> None:
    found = read_claims("Name: Edmond\nAge: 19", "Monte Cristo", NLP)
    assert [claim.text for claim in found.claims] == ["Monte Cristo was 19 years old."]
    assert found.notices == ("the sheet names 'Edmond'; it was judged as one on 'Monte Cristo'",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"age": 34,}', "is not valid JSON: line 1"),
        ("a.yaml", "age: 34\neyes: [green", "is not valid YAML: line 2"),
        ("a.yaml", "a: &a [x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(3000)), "more than 5000 values"),
        ("a.csv", 'field,value\n"Age,34\nEyes,green\n', "is not a valid CSV table: the row at line 2"),
        ("a.docx", "PK no", "cannot be read as DOCX"),
        ("a.odt", "PK no", "cannot be read as ODT"),
        ("a.yaml", "# nothing", "has no claim"),
    ],
)
def test_damaged_sheet_is_one_clear_line(name: str, text: str, message: str) -> None:
    with pytest.raises(BackstoryError, match=message) as caught:
        read_claims(decode_backstory(text.encode(), name), ADA, NLP)
    assert "\n" not in str(caught.value)


PIECES = st.sampled_from(
    [
        "# Ada Merrow\n", "## Ben Hale\n", "## Appearance\n", "Name: Ada Merrow\n", "Age: 34\n", "- Eyes: green\n",
        "| Name | Age |\n|---|---|\n| Ada Merrow | 3 |\n", "---\n", "She was born in Porth.\n", "\n", "TODO\n", "<!--",
        "-->", "%%", "Zodiac: Leo\n", "Mother: Ellen (died 1801)\n", "a\tb\n", "{", "}", "[", ":", "- ", "family:\n",
        "Ada sailed to Elba, and she came home\n", "1811: went away\n", "**Hair:** red\n", "|", "====\n", "é", "’s ",
        "tall\n", "  ",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=60)),
    layout=st.sampled_from(["text", "yaml", "json", "csv"]),
    character=st.sampled_from([ADA, "Ben Hale", "", "Ada/Ada Hale"]),
)
def test_claims_of_any_sheet_are_sound_or_refused(text: str, layout: Any, character: str) -> None:
    try:
        claims, notices = read_claims(SheetText(text, layout), character, NLP)
    except BackstoryError as error:
        assert "\n" not in str(error)
        return
    assert claims and len({claim.id for claim in claims}) == len(claims)
    assert all(claim.text.strip() and "\n" not in claim.text and claim.line > 0 for claim in claims)
    assert not any("\n" in notice for notice in notices)
