"""Findings are the contradicted claims that count; their list can be read by a person and by Markdown."""

from __future__ import annotations

from dataclasses import replace

from pipeline.records import Difference
from pipeline.report.entries import answer_entry
from pipeline.report.findings import find_findings, findings_markdown
from tests.pipeline.report.small_world import STING, World

CHANCES = {"contradicted": 0.5, "supported": 0.2, "not_stated": 0.3}


def test_contradicted_claims_are_findings_with_the_deciding_passage(world: World) -> None:
    (finding,) = find_findings(answer_entry(world.novel, world.verdict, ()))
    assert (finding.claim, finding.line, finding.certain) == ("Her father outlived her.", 3, True)
    assert finding.passage is not None
    assert world.novel.text[slice(*finding.passage.span)] == finding.passage.quotation


def test_waived_claims_are_no_findings_and_unsure_ones_on_request(world: World) -> None:
    first, second = world.verdict.claims
    waived = replace(world.verdict, claims=(first, replace(second, waiver="She lies.")))
    assert find_findings(answer_entry(world.novel, waived, ())) == ()
    unsure = replace(world.verdict, claims=(first, replace(second, label="not_stated", probabilities=CHANCES)))
    answer = answer_entry(world.novel, unsure, ())
    assert find_findings(answer) == ()
    (finding,) = find_findings(answer, unsure=True)
    assert not finding.certain and finding.summary.startswith("Unsure, worth a look (place; 25%")


def test_list_names_claim_place_quotation_and_difference(world: World) -> None:
    first, second = world.verdict.claims
    told = replace(second, difference=Difference("outlived", "drowned", 3, 10))
    verdict = replace(world.verdict, claims=(first, told))
    assert findings_markdown("The Ferry", [answer_entry(world.novel, verdict, ())]).splitlines() == [
        "# Findings in The Ferry",
        "",
        "## Ada Vane: inconsistent",
        "",
        "- [ ] Her father outlived her. (line 3 of the backstory)",
        "  - The book contradicts this claim (place; 25% likely to agree with the book).",
        "  - Chapter 1, paragraph 0:",
        "    > The Ferry Ada Vane kept the ferry.",
        "  - The claim says “outlived” where the book has “drowned”.",
    ]


def test_list_without_findings_says_so_and_markup_is_text(hostile: World) -> None:
    answer = answer_entry(hostile.novel, hostile.verdict, ())
    assert "No finding." in findings_markdown("N", [answer | {"claims": []}])
    text = findings_markdown(STING, [answer])
    assert "<script>" not in text and r"\<script\>" in text
