"""The page says what the records say, carries everything itself, and takes no text for markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.records import Check, LooseWaiver, Span, Waiver
from pipeline.report.changes import compare_verdicts, summarise_answer
from pipeline.report.entries import answer_entry
from pipeline.report.html import render_page
from pipeline.report.quality import read_quality
from pipeline.report.view import PageContext
from pipeline.states import Reading
from tests.pipeline.report.small_world import STING, World, make_claim_verdict

VOID = {"meta", "img", "br", "link", "input", "hr"}


class _Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, given, value in self.attributes if given == name]


def _render(world: World) -> str:
    return render_page(world.view())


def _page(world: World) -> _Page:
    return _Page(_render(world))


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_page_is_well_formed(world: World) -> None:
    page = _page(world)
    assert page.open == [] and page.tags.count("h1") == 1


def test_page_shows_the_verdict_and_its_probability(world: World) -> None:
    text = _flat(_page(world).text)
    assert "Ada Vane in The Ferry" in text and "The backstory contradicts the novel." in text
    assert "Probability of being consistent: 13%. Of 100 backstories judged like this one, about 13 would" in text


def _first_screen(world: World, **more: Any) -> str:
    """Return the text of the card with the verdict."""
    source = render_page(world.view(**more))
    return _flat(
        _Page(source[source.index('<section class="verdict') : source.index('aria-labelledby="overview"')]).text
    )


def test_first_screen_answers_what_is_wrong_where_and_how_sure(world: World) -> None:
    quality = read_quality({"ours": {"set": "626 claims", "figures": {"contradicted_precision": {"value": 0.773}}}})
    text = _first_screen(world, quality=quality)
    for said in (
        "What is wrong? Her father outlived her. Claim 2",
        "Where does the book say otherwise? The Ferry Ada Vane kept the ferry. Chapter One. The Ferry (chapter 1 of 2)",
        "How sure is this? Of claims called contradicted, about three in four really are (77% in a test on 626 claims)",
    ):
        assert said in text
    assert "characters" not in text


def test_first_screen_without_figures_promises_nothing(world: World) -> None:
    assert "How often this judge is right was not measured." in _first_screen(world)


def test_first_screen_of_a_consistent_backstory_says_what_may_be_missed(world: World) -> None:
    first, second = world.verdict.claims
    unsure = replace(
        second, label="not_stated", probabilities={"contradicted": 0.5, "supported": 0.2, "not_stated": 0.3}
    )
    calm = replace(world, verdict=replace(world.verdict, label="uncertain", claims=(first, unsure)))
    figures = {"contradicted_recall": {"value": 0.343}, "supported_precision": {"value": 0.905}}
    text = _first_screen(calm, quality=read_quality({"ours": {"figures": figures}}))
    assert "What is wrong? Nothing that the book contradicts for certain: 1 supported, 1 not stated." in text
    assert "What is worth a look? Her father outlived her." in text
    assert "Where does the book agree?" in text
    assert "Of claims that a book contradicts, about one in three are found (34%), so a mistake can remain." in text
    assert "Of claims called supported, about nine in ten really are" in text


def test_waived_claim_is_not_what_is_wrong(world: World) -> None:
    first, second = world.verdict.claims
    waived = replace(world.verdict, claims=(first, replace(second, waiver="She lies.")))
    assert "Her father outlived her." not in _first_screen(replace(world, verdict=waived))


def test_reason_that_only_quotes_a_shown_passage_is_not_repeated(world: World) -> None:
    first, second = world.verdict.claims
    cited = f"The book contradicts this (chapter 1, characters 30-54): “{_flat(second.pairs[0].quotation)}”"
    silent = replace(
        first, pairs=first.pairs[:1], label="not_stated", rationale="Closest (chapter 2, characters 3-9): x"
    )
    verdict = replace(world.verdict, claims=(silent, replace(second, rationale=cited)))
    text = _flat(_page(replace(world, verdict=verdict)).text)
    assert "The book contradicts this" not in text and "Closest (chapter 2): x" in text


def test_page_shows_each_claim_with_its_verdict(world: World) -> None:
    text = _flat(_page(world).text)
    for judged in world.verdict.claims:
        assert judged.claim.text in text and judged.rationale in text
    assert "2 claims: 1 supported, 1 contradicted." in text


def test_page_quotes_with_chapter_place_and_probabilities(world: World) -> None:
    text = _flat(_page(world).text)
    assert "Chapter One. The Ferry (chapter 1 of 2), " in text
    assert "of the way through the book" in text
    assert "Probabilities: supports 10%, contradicts 80%, irrelevant 10%." in text


def test_page_marks_words_shared_with_the_claim(world: World) -> None:
    assert {"born", "kept", "ferry"} <= set(re.findall(r"<mark>(\w+)</mark>", _render(world)))


def test_page_marks_decisive_words_in_place_of_shared_ones(world: World) -> None:
    start = world.novel.text.index("drowned")
    judged = world.verdict.claims[1]
    pair = replace(judged.pairs[0], decisive=(Span(start, start + len("drowned")),))
    decided = replace(world.verdict, claims=(replace(judged, pairs=(pair,)),))
    source = _render(replace(world, verdict=decided))
    assert set(re.findall(r"<mark>([^<]+)</mark>", source)) == {"marked", "drowned"}
    assert "The most decisive words of a passage are" in source


def test_page_shows_two_passages_of_a_claim_and_hides_the_others(world: World) -> None:
    many = make_claim_verdict(world.novel, world.chunks, "She rowed.", *["support"] * 4, "contradict", "irrelevant")
    text = _flat(_page(replace(world, verdict=replace(world.verdict, claims=(many,)))).text)
    assert "2 more relevant passages" in text and "1 passage judged irrelevant" in text


def test_quotation_that_two_chunks_share_is_shown_once(world: World) -> None:
    judged = make_claim_verdict(world.novel, world.chunks[:1], "She rowed.", "support", "support", "contradict")
    (claim,) = replace(world, verdict=replace(world.verdict, claims=(judged,))).view().claims
    assert [(passage.label, passage.anchor) for passage in claim.strongest] == [
        ("support", "claim-1-passage-1"),
        ("contradict", "claim-1-passage-2"),
    ]
    assert len(claim.marks) == 2


def test_passages_of_the_label_of_their_claim_come_first(world: World) -> None:
    judged = make_claim_verdict(world.novel, world.chunks, "She rowed.", "contradict", "support", "support")
    against = replace(judged, label="supported")
    (claim,) = replace(world, verdict=replace(world.verdict, claims=(against,))).view().claims
    assert [passage.label for passage in (*claim.strongest, *claim.further)] == ["support", "support", "contradict"]


def test_page_shows_which_claims_are_intended_and_why(world: World) -> None:
    first, second = world.verdict.claims
    waived = replace(world.verdict, claims=(first, replace(second, waiver="She lies to the priest.")))
    text = _flat(_page(replace(world, verdict=waived)).text)
    assert "2 claims: 1 supported, 1 contradicted; 1 of them marked as intentional and left out of the verdict." in text
    assert "Contradicted, intended" in text
    assert "Marked as intentional, and left out of the verdict: She lies to the priest." in text


def test_page_shows_the_kind_of_reason(world: World) -> None:
    first, second = world.verdict.claims
    waived = replace(second, waiver="flashback: told in chapter 9", waiver_kind="flashback")
    text = _flat(_page(replace(world, verdict=replace(world.verdict, claims=(first, waived)))).text)
    assert "Contradicted, flashback" in text
    assert "Marked as intentional, and left out of the verdict: flashback: told in chapter 9" in text


def test_page_offers_each_kind_of_reason_in_one_click(world: World) -> None:
    page = _Page(render_page(world.view(around=PageContext(waive="/reports/1/waivers"))))
    kinds = ["flashback", "dream", "lie", "intended", "wrong alarm"]
    assert [value for value in page.values("value") if value in kinds][:5] == kinds


def test_page_of_a_narrator_says_that_it_is_told_by_this_character(world: World) -> None:
    (person, *others) = world.cast
    told = replace(person, told=(0, 1), chunks=tuple(chunk.index for chunk in world.chunks))
    text = _flat(_page(replace(world, cast=(told, *others))).text)
    assert "Told by this character: 2 sentences as “I”, in 1 of" in text
    assert "is named in or tells" in text
    assert "Told by this character as “I”, and the character is" in text or "tells none of it as “I”" in text
    assert "Told by this character" not in _flat(_page(world).text)


def test_page_on_which_every_claim_is_intended_promises_nothing(world: World) -> None:
    claims = tuple(replace(judged, waiver="intended") for judged in world.verdict.claims)
    waived = replace(world.verdict, claims=claims, label="consistent", probability=1.0)
    text = _flat(_page(replace(world, verdict=waived)).text)
    assert "No claim was left to judge." in text and "Of 100 backstories" not in text


def test_page_shows_how_well_the_verdict_does(world: World) -> None:
    figures = {"accuracy": {"value": 0.56, "low": 0.54, "high": 0.58}}
    bins = [{"predicted": 0.2, "observed": 0.3, "count": 9}]
    quality = read_quality({"ours": {"books": 40, "figures": figures}, "calibration": bins})
    page = _Page(render_page(world.view(quality=quality)))
    text = _flat(page.text)
    assert "Results on data that the model was not fitted on 40 books." in text and "0.56 [0.54, 0.58]" in text
    labels = page.values("aria-label")
    assert any("Predicted 20.0 percent: 30.0 percent of 9 were consistent." in label for label in labels)


def test_page_in_a_file_has_no_forms_and_one_at_the_desk_has(world: World) -> None:
    around = PageContext(back=("Desk", "/novels/x"), links={"JSON": "/v.json"}, waive="/reports/1/waivers")
    page = _Page(render_page(world.view(around=around)))
    assert page.values("action") == ["/reports/1/waivers"] * 2
    assert {"/novels/x", "/v.json"} <= set(page.values("href"))
    assert "form" not in _page(world).tags


def test_page_hides_the_chunk_around_a_quotation(world: World) -> None:
    assert '<strong class="quoted">' in _render(world)
    assert _flat(world.novel.text[slice(*world.chunks[0].sentences[-1])]) in _flat(_page(world).text)


def test_page_sets_irrelevant_passages_apart(world: World) -> None:
    assert "1 passage judged irrelevant" in _flat(_page(world).text)


def test_page_shows_how_it_was_made(world: World) -> None:
    text = _flat(_page(world).text)
    for said in (
        "a claim reader and words",
        "read on the CPU",
        "the header was cut",
        "retrieval.top_k",
        "a" * 64,
    ):
        assert said in text


def test_page_links_figures_to_passages_that_exist(world: World) -> None:
    page = _page(world)
    targets = [value.removeprefix("#") for value in page.values("href")]
    assert "claim-2-passage-1" in targets
    assert set(targets) <= set(page.values("id"))
    assert len(set(page.values("id"))) == len(page.values("id"))


def test_page_names_its_figures_for_those_who_cannot_see_them(world: World) -> None:
    labels = _page(world).values("aria-label")
    assert any("Of 3 passages judged: 1 supports, 1 contradicts, 1 irrelevant." in label for label in labels)
    assert any(label.startswith("Surprisal over the book, between 1.5 and ") for label in labels)


def test_page_loads_nothing_and_runs_nothing(world: World) -> None:
    page = _page(world)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert all(value.startswith("#") for value in page.values("href"))
    assert not page.values("src") and not page.values("style")
    assert "url(" not in _render(world) and "@import" not in _render(world)


def test_policy_allows_the_style_of_the_page_and_nothing_else(world: World) -> None:
    source = _render(world)
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in source


def test_novel_full_of_markup_shows_as_text(hostile: World) -> None:
    page = _page(hostile)
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert _flat(page.text).count(_flat(STING)) > 5
    assert "{{7*7}}" in page.text and "49" not in re.findall(r"\b49\b", page.text)


def test_changes_and_marks_to_look_at_full_of_markup_show_as_text(hostile: World) -> None:
    loose = LooseWaiver(Waiver("Ada Vane", f"{STING} once", STING, STING), STING, 0, len(STING))
    claims = tuple(replace(judged, loose_waiver=loose) for judged in hostile.verdict.claims)
    after = summarise_answer(answer_entry(hostile.novel, hostile.verdict, ()))
    changes = compare_verdicts(replace(after, claims=()), after)
    world = replace(hostile, verdict=replace(hostile.verdict, claims=claims))
    page = _Page(render_page(world.view(around=PageContext(changes=changes, waive="/w", again="/a", reload=3))))
    assert page.open == [] and "script" not in page.tags and "img" not in page.tags
    assert _flat(page.text).count("Marked as intentional, to look at:") == len(claims)
    assert page.text.count("New claim") == len(claims)
    assert ("meta", "content", "3") in page.attributes


def test_page_without_the_character_states_it(world: World) -> None:
    unnamed = replace(world, cast=(), reading=replace(world.reading, characters={}))
    assert "No one in the cast has the character's name" in _flat(_page(unnamed).text)


@pytest.mark.parametrize("name", ["Ada", "ADA VANE", "ádá"])
def test_character_is_found_by_any_of_its_names(world: World, name: str) -> None:
    text = _flat(_page(replace(world, verdict=replace(world.verdict, character=name))).text)
    assert "Ada Vane is named in" in text and "Drift for Ada Vane" in text


def test_page_without_a_reading_has_no_curves(world: World) -> None:
    assert "Surprise and change over the book" not in _page(replace(world, reading=Reading(()))).text


def test_claim_without_relevant_passages_states_it(world: World) -> None:
    irrelevant = make_claim_verdict(world.novel, world.chunks, "She liked plums.", "irrelevant", "irrelevant")
    text = _flat(_page(replace(world, verdict=replace(world.verdict, claims=(irrelevant,)))).text)
    assert "No relevant passage was found for this claim." in text
    assert "1 claim: 1 not stated." in text and "2 passages judged irrelevant" in text


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.001, "<1%. Of 100 backstories judged like this one, fewer than 1"), (0.999, ">99%."), (0.5, "50%.")],
)
def test_page_never_claims_certainty(world: World, probability: float, said: str) -> None:
    sure = replace(world, verdict=replace(world.verdict, probability=probability))
    assert f"Probability of being consistent: {said}" in _flat(_page(sure).text)


def test_checks_are_shown_under_their_claim(world: World) -> None:
    text = world.novel.text
    start = text.index("Her father drowned")
    passage = text[start : text.index("nine.", start) + 5]
    checks = (
        Check("age", False, "at ten", passage, 0, start, start + len(passage), 1),
        Check("number", True, STING, passage, 0, start, start + len(passage), 1),
    )
    claims = tuple(replace(one, checks=checks) for one in world.verdict.claims[:1]) + world.verdict.claims[1:]
    page = _page(replace(world, verdict=replace(world.verdict, claims=claims)))
    said = " ".join(page.text.split())
    assert said.count("Explicit checks") == 1
    assert "Ages conflict" in said and "Numbers agree" in said
    assert f"The claim: “at ten”. The book: {passage}" in said
    assert "script" not in page.tags
    assert "Explicit checks" not in _page(world).text
