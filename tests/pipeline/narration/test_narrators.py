"""Who tells a novel: one small story a kind, each with the persons found and what is a notice instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import NovelError, SettingError
from pipeline.narration.narrators import Narration, find_narration, listed
from pipeline.records import Novel
from pipeline.text.novels import load_novel, novel_from

STORIES = Path(__file__).resolve().parents[2] / "inputs" / "narrators"
TOLD_BY = {
    "my_name_is": {"Jim Penrose": [0]},
    "addressed_by_name": {"Tobias": [0]},
    "asked_for_a_name": {"Martin Crowe": [0]},
    "call_me": {"Barnaby": [0]},
    "letters_with_signature": {"Susan Vale": [1, 3], "Harriet Down": [2]},
    "diaries_by_heading": {"Owen Hale": [1, 3], "Clara Finch": [2]},
    "narrator_by_chapter_told_by": {"Gabriel Stone": [1, 3], "Miss Anne Thorpe": [2]},
    "narrator_by_chapter_by_signs": {"Peter Lowe": [1, 2], "Judith Lowe": [3, 4]},
    "title_is_the_narrator": {"Maud": [1, 3], "Cyril": [2, 4]},
    "british_single_quotes": {"Silas": [0]},
    "dialogue_by_dashes": {"Denis": [0]},
    "one_letter_in_a_third_person_novel": {"Lucas Fenn": [0]},
    "i_in_quotation_only": {},
    "third_person_with_dialogue": {},
    "quotations_over_paragraphs": {},
    "unnamed_narrator": {},
    "frame_narrator": {},
    "letters_by_heading": {"Miss Howe": [0, 0], "Miss Harlowe": [0]},
    "rivals": {},
}
"""Each story's narrators with the chapters in which their ranges begin."""
UNKNOWN = {"unnamed_narrator", "frame_narrator", "rivals"}
"""The stories in the first person whose narrator is not known."""


def story(name: str) -> Novel:
    return load_novel(STORIES / f"{name}.txt")


def chapters(novel: Novel, narration: Narration) -> dict[str, list[int]]:
    return {one.name: [novel.chapter_at(span.start) for span in one.spans] for one in narration.tellers}


@pytest.mark.parametrize("name", TOLD_BY)
def test_narrators_are_found_where_the_text_shows_them_and_nowhere_else(name: str) -> None:
    novel = story(name)
    assert chapters(novel, find_narration(novel)) == TOLD_BY[name]


def test_every_story_is_in_the_table_and_on_the_page() -> None:
    assert {path.stem for path in STORIES.glob("*.txt")} == set(TOLD_BY)
    page = (STORIES.parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
    table = page.split("`tests/inputs/narrators/`")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)\.txt`", table, re.MULTILINE)) == set(TOLD_BY)


@pytest.mark.parametrize("name", TOLD_BY)
def test_first_person_without_a_known_narrator_is_a_notice_that_says_how_to_set_it(name: str) -> None:
    notices = find_narration(story(name)).notices
    unknown = [notice for notice in notices if "counts for no character" in notice]
    assert bool(unknown) == (name in UNKNOWN)
    assert all("--narrator NAME" in notice for notice in notices)


def test_found_narrator_is_a_notice_with_the_sign() -> None:
    (notice,) = find_narration(story("my_name_is")).notices
    assert "taken as told by Jim Penrose (“My name is Jim Penrose”)" in notice and "--narrator none" in notice


def test_names_of_equal_strength_are_named_in_the_notice() -> None:
    (notice,) = find_narration(story("rivals")).notices
    assert "perhaps Bess or Meg" in notice


def test_i_inside_a_quotation_is_not_narration() -> None:
    novel = story("i_in_quotation_only")
    assert find_narration(novel).first_person == ()


def test_i_of_a_heading_is_a_number() -> None:
    novel = story("letters_with_signature")
    offsets = find_narration(novel).first_person
    assert novel.text.index("LETTER I") + len("LETTER ") not in offsets and offsets


def test_given_narrator_replaces_the_found_one() -> None:
    novel = story("my_name_is")
    assert chapters(novel, find_narration(novel, ["Old Nick"])) == {"Old Nick": [0]}
    assert find_narration(novel, ["Old Nick"]).notices == ()


def test_given_narrators_tell_their_chapters() -> None:
    novel = story("narrator_by_chapter_by_signs")
    found = find_narration(novel, ["1-2, 4: Jim Penrose", "3: Dr Livesey"])
    assert chapters(novel, found) == {"Jim Penrose": [1, 4], "Dr Livesey": [3]}


def test_given_narrator_does_not_tell_the_letters_of_others() -> None:
    novel = story("letters_with_signature")
    found = chapters(novel, find_narration(novel, ["Mrs. Marlow"]))
    assert found["Susan Vale"] == [1, 3] and "Mrs. Marlow" in found


def test_given_none_leaves_no_narrator() -> None:
    for name in ("my_name_is", "letters_with_signature"):
        assert find_narration(story(name), ["none"])[0] == ()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (["5: Jim"], NovelError, "has 4 chapters, and a narrator is given for 5-5"),
        (["1-2: Jim", "2: Ada"], NovelError, "two narrators are given for the same chapters, 'Jim' and 'Ada'"),
        (["3-1: Jim"], SettingError, "the narrator '3-1: Jim' is not valid; expected NAME"),
        ([" "], SettingError, "is not valid; expected NAME"),
    ],
)
def test_given_narrator_that_does_not_fit_is_an_error(given: list[str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        find_narration(story("narrator_by_chapter_by_signs"), given)


def titled(*titles: str, inside: str = "") -> Novel:
    told = "I went down to the mill and I found my boat there. I tied it up myself, and my hands were cold. " * 4
    text = "".join(
        f"Chapter {number}: {title}\n\n{told}{inside.format(title)}\n\n" for number, title in enumerate(titles, start=1)
    )
    return novel_from(text.encode(), Path("titled.txt"))


def test_titles_that_name_the_narrators_are_a_notice_and_give_way_to_the_user() -> None:
    novel = titled("Ada Merrow, 1811", "Tom Hale, 1812", "Ada Merrow, 1813", "Tom Hale, 1814")
    found = find_narration(novel)
    assert chapters(novel, found) == {"Ada Merrow": [1, 3], "Tom Hale": [2, 4]}
    assert found.notices[0].startswith("chapters 1, 3 are taken as told by Ada Merrow, after whom they are called")
    (given,) = find_narration(novel, ["1-4: Jim Penrose"]).tellers
    assert (given.name, given.spans[-1].end) == ("Jim Penrose", novel.body.end)


def test_titles_that_are_places_name_no_narrator() -> None:
    novel = titled("London", "Paris", "London", "Paris", inside="We came to {} at noon.")
    found = find_narration(novel)
    assert not found.tellers and "no name of the narrator was found" in found.notices[0]


def test_chapters_are_listed_as_runs() -> None:
    assert listed([1, 2, 3, 5, 7, 8]) == "1-3, 5, 7-8"
