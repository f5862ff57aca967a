"""Write docs/gallery.md: three backstories of three novels as the report judges them, and what is true.

    python -m runs.gallery --novels NOVELS --out OUT

NOVELS has the plain texts of the novels of ``tests/pipeline/pairs``. Every run goes through ``judge_book`` and leaves
its artefacts in a folder below OUT. ``--pictures`` takes the pictures of docs/images anew, with a Chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.book import Book
from pipeline.commands.judge_book import Judgement, judge_book
from pipeline.judging.verdict import deciding_pair
from pipeline.records import ClaimVerdict, Span
from pipeline.report import wording
from pipeline.report.book import book_view
from pipeline.report.claims_view import ClaimView
from pipeline.report.passages import excerpt, shared_words
from pipeline.report.view import PageView, page_view
from pipeline.run import Pipeline
from pipeline.storage.files import write_text
from tests.pipeline import backstory_pairs
from tests.pipeline.backstory_pairs import BackstoryPair, Outcome, PairFile, is_broken, outcome

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gallery.md"
IMAGES = ROOT / "docs" / "images"
SHOWN = (("livesey", "inconsistent"), ("jack", "inconsistent"), ("neil", "consistent"))
"""The backstories that are shown whole, one a novel: two with the broken sentence, one without."""
LONGEST = 90
"""Characters of a quotation in a row."""

RULINGS = {
    ("stated", "supported"): "right: the book says so",
    ("stated", "not_stated"): "missed: the book says so",
    ("stated", "contradicted"): "**wrong**: the book says so",
    ("open", "supported"): "**wrong**: the book does not say",
    ("open", "not_stated"): "right: the book does not say",
    ("open", "contradicted"): "**wrong**: the book does not say",
    ("broken", "supported"): "**wrong**: the book has “{found}”",
    ("broken", "not_stated"): "missed: the book has “{found}”",
    ("broken", "contradicted"): "right: the book has “{found}”",
}
"""What to say of a claim, by what the book does with it and by the label that it got."""
FOUND = {
    "quoted": "found, and the right passage quoted",
    "contradicted": "found, but another passage quoted",
    "not_stated": "missed",
    "supported": "taken for true",
}
"""What became of a broken sentence, by ``Outcome.broken``."""
FORMS = {"consistent": "the true backstory", "inconsistent": "the backstory with a mistake"}

HEAD = (
    "# Gallery\n\n"
    "Real reports on three novels in the public domain, right and wrong. Each backstory was written from the book in "
    "two forms, true and with one mistake put in, before any of them was judged. Nothing is tuned on them, but the "
    "judge was chosen on other claims about these novels ([all ten pairs](../runs/pairs.md)). Five pairs are an "
    "example and no measurement: how often the judge is right is in [results.md](results.md#plain-labels), how it "
    "works in [decision 0027](decisions/0027-a-judge-of-windows.md).\n\n"
    "Made by `python -m runs.gallery --novels NOVELS --out OUT` with the judge of commit {commit}.\n"
)


@dataclass(frozen=True)
class Shown:
    """One pair, judged in both forms, with what became of it and the pages of the two reports."""

    book: str
    pair: BackstoryPair
    outcome: Outcome
    judged: dict[str, Judgement]

    def page(self, form: str) -> PageView:
        """Return what the report of one form shows."""
        made = self.judged[form]
        book = book_view(made.book.novel, made.book.chunks, made.cast, made.reading)
        return page_view(book, made.verdict, made.manifest, quality=made.quality)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge both forms of every pair about a novel that is not bundled, and write the page; return 0."""
    parser = argparse.ArgumentParser(description="Write docs/gallery.md.")
    parser.add_argument("--novels", type=Path, required=True, help="plain texts of the novels")
    parser.add_argument("--out", type=Path, required=True, help="folder of the artefacts, one below it a backstory")
    parser.add_argument("--cache_dir", help="readings; default the user's own cache")
    parser.add_argument("--pictures", action="store_true", help="take the pictures anew")
    given = parser.parse_args(arguments)
    pipeline = Pipeline(backstory_pairs.CONFIG, cache_dir=given.cache_dir)
    files = [file for file in backstory_pairs.load_all() if file.sha256]
    shown = [one for file in files for one in judge_file(pipeline, file, given.novels, given.out)]
    write_text(PAGE, make_page(shown, commit_of_the_judge()))
    if given.pictures:
        take_pictures(given.out / "-".join(SHOWN[0]) / "report.html")
    return 0


def judge_file(pipeline: Pipeline, file: PairFile, novels: Path, out: Path) -> Iterator[Shown]:
    """Yield the pairs about one novel, judged; raises FileNotFoundError where its text is missing or another one."""
    path = file.novel([novels])
    if path is None:
        raise FileNotFoundError(f"{novels} has no {file.book}.txt as data/plain_claims/novels.csv has it")
    book = pipeline.open_book(path)
    for pair in file.pairs:
        judged = {form: _judge(pipeline, book, pair, form, out) for form in pair.texts}
        verdicts = {form: made.verdict for form, made in judged.items()}
        yield Shown(file.book, pair, outcome(book.novel.text, pair, verdicts), judged)


def _judge(pipeline: Pipeline, book: Book, pair: BackstoryPair, form: str, out: Path) -> Judgement:
    person = pipeline.find_character(book, pair.character)
    return judge_book(pipeline, book, [person], pair.texts[form], out=out / f"{pair.id}-{form}")


def commit_of_the_judge() -> str:
    """Return the last commit that changed the code or the weights that ship."""
    command = ["git", "log", "-1", "--format=%h", "--", "bdh", "pipeline", "models", ":!*.md"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def make_page(shown: Sequence[Shown], commit: str) -> str:
    """Return the page: a table of all pairs, then the backstories of ``SHOWN``."""
    by_id = {one.pair.id: one for one in shown}
    outcomes = overview([(one.book, one.pair, one.outcome) for one in shown])
    sections = [line for id_, form in SHOWN for line in _section(by_id[id_], form)]
    return "\n".join([HEAD.format(commit=commit), *outcomes, "", *_pictures(), *sections]) + "\n"


def overview(pairs: Sequence[tuple[str, BackstoryPair, Outcome]]) -> Iterator[str]:
    """Yield the table of the verdicts on both forms of each pair."""
    yield "| character | true backstory | with a mistake | the mistake | which was | false alarms |"
    yield "|---|---|---|---|---|---|"
    for book, pair, own in pairs:
        verdicts = (f"{label}, {_checked(form, label)}" for form, label in _labels(own).items())
        mistake = f"{_cell(pair.broken.claimed)}; the book has “{_cell(pair.broken.found)}”"
        found = f"{FOUND[own.broken]} | {len(own.false_flags)}"
        yield f"| {pair.character}, *{_title(book)}* | {' | '.join(verdicts)} | {mistake} | {found} |"


def _labels(own: Outcome) -> dict[str, str]:
    return {"consistent": own.consistent, "inconsistent": own.inconsistent}


def _title(book: str) -> str:
    return book.split(";")[0]


def _checked(truth: str, label: str) -> str:
    return "right" if label == truth else "undecided" if label == "uncertain" else "wrong"


def _pictures() -> Iterator[str]:
    yield "The first of the three reports below, on a desktop in light and on a phone in dark:"
    yield ""
    yield "![The report on a desktop](images/report-desktop.png) ![The report on a phone](images/report-phone.png)"
    yield ""


def _section(shown: Shown, form: str) -> Iterator[str]:
    page, verdict = shown.page(form), shown.judged[form].verdict
    rulings = _rulings(verdict.claims, shown.pair, form)
    yield f"## {page.character} in *{_title(shown.book)}*: {FORMS[form]}"
    yield " ".join(_summary(shown, form, rulings))
    yield ""
    yield from _first_screen(page)
    yield ""
    yield "| claim | label, and how likely it agrees with the book | the report quotes | in truth |"
    yield "|---|---|---|---|"
    for view, judged, ruling in zip(page.claims, verdict.claims, rulings, strict=True):
        yield f"| {_cell(view.text)} | {view.words}, {view.share} | {_quoted(judged)} | {ruling} |"
    yield ""


def _first_screen(page: PageView) -> Iterator[str]:
    told = page.headline
    yield f"> **{page.word}.** {page.sentence}"
    for claim in told.findings:
        yield from _answer("What is wrong?", claim)
        yield from _place("Where does the book say otherwise?", claim)
    if not told.findings:
        yield from _line(f"**What is wrong?** Nothing that the book contradicts for certain: {page.tally}.")
    if told.closest:
        yield from _answer("What is worth a look?", told.closest)
    if told.agreed:
        yield from _place("Where does the book agree?", told.agreed)
    yield from _line(f"**How sure is this?** {' '.join(told.sureness)} {page.odds}")


def _answer(question: str, claim: ClaimView) -> Iterator[str]:
    yield from _line(f"**{question}** {_cell(claim.text)} ({claim.share} likely to agree with the book)")


def _place(question: str, claim: ClaimView) -> Iterator[str]:
    for found in claim.strongest[:1]:
        text = " ".join("".join(run.text for run in paragraph) for paragraph in found.excerpt)
        yield from _line(f"**{question}** “{_cell(text)}” ({_cell(found.heading)})")


def _line(text: str) -> Iterator[str]:
    yield ">"
    yield f"> {text}"


def _quoted(judged: ClaimVerdict) -> str:
    """Return the part of the deciding quotation that a row has room for, around the words that the claim shares."""
    pair = deciding_pair(judged.label, judged.pairs)
    found = judged.difference if judged.label == "contradicted" else None
    shared = shared_words(pair.quotation, judged.claim.text)
    inside = found is not None and found.found and pair.start <= found.start < pair.end
    around = Span(found.start - pair.start, found.end - pair.start) if found and inside else next(iter(shared), None)
    return _shortened(pair.quotation, around)


def _shortened(text: str, around: Span | None) -> str:
    start, end = excerpt(text, around, longest=LONGEST)
    return f"“{'… ' if start else ''}{_cell(text[start:end])}{' …' if end < len(text) else ''}”"


def _rulings(claims: Sequence[ClaimVerdict], pair: BackstoryPair, form: str) -> list[str]:
    """Return for each claim whether its label is right, and what the book has."""
    broken = [one for one in claims if form == "inconsistent" and is_broken(one, pair.broken)]
    broken = [one for one in broken if pair.broken.claimed in one.claim.text] or broken
    opened = [pair.backstory[number - 1] for number in pair.open]
    truths = [
        "broken" if one in broken else "open" if any(one.claim.source in text for text in opened) else "stated"
        for one in claims
    ]
    found = _cell(pair.broken.found)
    return [RULINGS[truth, one.label].format(found=found) for truth, one in zip(truths, claims, strict=True)]


def _summary(shown: Shown, form: str, rulings: Sequence[str]) -> Iterator[str]:
    """Yield in sentences what was right and wrong about a backstory."""
    label = shown.judged[form].verdict.label
    right, missed = (sum(ruling.startswith(word) for ruling in rulings) for word in ("right", "missed"))
    yield f"**The verdict is {_checked(form, label)}.**"
    yield f"Of {wording.counted(len(rulings), 'label')} {right} are right, {missed} miss what the book says,"
    yield f"{len(rulings) - right - missed} are wrong."
    if form == "inconsistent":
        yield f"The mistake was {FOUND[shown.outcome.broken]}."
        if shown.outcome.broken in ("quoted", "contradicted"):
            yield _twin(shown)


def _twin(shown: Shown) -> str:
    """Return what became of the true sentence in the place of a broken one that was found."""
    true = shown.pair.backstory[shown.pair.broken.number - 1]
    claims = shown.judged["consistent"].verdict.claims
    if any(one.claim.source in true and one.label == "contradicted" for one in claims):
        return "By luck: the true sentence in its place is called contradicted as well."
    return "The true sentence in its place is not called contradicted."


def _cell(text: str) -> str:
    """Return a text as words on one line that Markdown leaves alone."""
    line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in r"\`*_[]<>#|" else letter for letter in line)


def take_pictures(report: Path) -> None:
    """Write the first screen of a report as it looks on a desktop in light and on a phone in dark."""
    from playwright.sync_api import sync_playwright

    from tests.pipeline.browser.install import find_browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        desktop = browser.new_page(viewport={"width": 1000, "height": 700}, color_scheme="light")
        phone = browser.new_page(viewport={"width": 390, "height": 700}, color_scheme="dark")
        for name, page in {"desktop": desktop, "phone": phone}.items():
            page.goto(report.resolve().as_uri())
            page.screenshot(path=IMAGES / f"report-{name}.png")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
