"""The desk in a browser, from a dropped novel to a report and a finding marked as intentional."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from pipeline.waivers import load_waivers
from tests.inputs.make_formats import FOLDER
from tests.pipeline.browser.conftest import PHONE, Open
from tests.pipeline.claims.sheet_files import FOLDER as SHEETS
from tests.pipeline.claims.sheet_files import make_docx, make_odt

ROOT = Path(__file__).resolve().parents[3]
BACKSTORY = ROOT / "examples" / "backstory_inconsistent.txt"
_DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name));
  const form = document.querySelector("form.drop");
  form.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""

pytestmark = pytest.mark.slow


def _upload(page: Page, story: Path) -> None:
    """Add the beginning of the bundled story and wait for its cast."""
    page.get_by_label("choose it, or drop it here").set_input_files(story)
    page.get_by_role("button", name="Add the novel").click()
    page.wait_for_url("**/novels/The%20Unlit%20Hour")


def _ask(page: Page) -> None:
    """Judge the bundled backstory of the first of the cast and wait for the report."""
    page.get_by_role("button", name="Hester Lanyon", exact=True).click()
    page.get_by_label("Backstory: sentences, a list, or a character sheet").fill(BACKSTORY.read_text(encoding="utf-8"))
    page.get_by_role("button", name="Judge this backstory").click()
    page.wait_for_url("**/reports/*", timeout=120_000)


def test_novel_goes_from_upload_to_report_and_json(visit: Open, address: str, two_chapters: Path) -> None:
    page = visit(address)
    _upload(page, two_chapters)
    assert page.get_by_label("Character (leave it empty").input_value() == ""
    _ask(page)
    assert page.get_by_role("heading", level=1).inner_text() == "Hester Lanyon in The Unlit Hour"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the verdict as JSON").click()
    answer = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert answer["character"] == "Hester Lanyon" and len(answer["claims"]) > 3


def test_finding_is_marked_as_intentional_with_a_reason(
    visit: Open, address: str, two_chapters: Path, tmp_path: Path
) -> None:
    page = visit(address, viewport=PHONE)
    _upload(page, two_chapters)
    _ask(page)
    form = page.locator("form.waive").first
    form.get_by_text("Not a mistake?").click()
    form.get_by_label("Why?").fill("Hester misremembers.")
    form.get_by_role("button", name="flashback").click()
    page.get_by_text("Marked as intentional, and left out of the verdict: flashback: Hester misremembers.").wait_for(
        timeout=120_000
    )
    (waiver,) = load_waivers(tmp_path / "novels" / "The Unlit Hour.waivers.json")
    assert (waiver.kind, waiver.reason) == ("flashback", "Hester misremembers.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize(
    ("name", "chapters", "notice"),
    [
        ("front matter.epub", 2, "left out of the EPUB: title page"),
        ("tracked changes.docx", 0, "the document has tracked changes"),
        ("numbered.zip", 3, ""),
        ("obsidian.md", 2, ""),
        ("titled.html", 2, ""),
        ("marks.odt", 2, ""),
        ("sections.fb2", 3, ""),
        ("plain.txt", 2, ""),
    ],
)
def test_novel_of_another_format_is_uploaded_and_judged(
    visit: Open, address: str, name: str, chapters: int, notice: str
) -> None:
    page = visit(address)
    page.get_by_label("choose it, or drop it here").set_input_files(FOLDER / name)
    page.get_by_role("button", name="Add the novel").click()
    page.wait_for_url(f"**/novels/{quote(Path(name).stem)}")
    assert f" {chapters} chapters" in page.locator("header p").inner_text()
    assert notice in page.locator("header").inner_text()
    page.get_by_label("Character (leave it empty").fill("Ada Merrow")
    page.get_by_label("Backstory: sentences, a list, or a character sheet").fill("Ada Merrow lit the lamp at dusk.")
    page.get_by_role("button", name="Judge this backstory").click()
    page.wait_for_url("**/reports/*", timeout=120_000)
    assert re.search(r"paragraph \d", page.locator(".place").first.text_content() or "")


def test_sheet_with_two_characters_has_a_verdict_for_each(
    visit: Open, address: str, two_chapters: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.md"
    sheet.write_text(
        "## Hester Lanyon\n- Age: 34\n- Eyes: green\n\n## Jory Lanyon\n- Occupation: pilot\n", encoding="utf-8"
    )
    page = visit(address)
    _upload(page, two_chapters)
    page.get_by_label("or a file").set_input_files(sheet)
    page.get_by_role("button", name="Judge this backstory").click()
    page.wait_for_url("**/sheets/*", timeout=120_000)
    assert page.get_by_role("heading", level=1).inner_text() == "The characters of a sheet in The Unlit Hour"
    assert page.locator("tbody tr").count() == 2
    page.get_by_role("link", name="Hester Lanyon").click()
    page.wait_for_url("**/reports/*")
    claim = page.locator("#claim-2")
    assert claim.locator(".text").inner_text() == "Hester Lanyon's eyes were green."
    assert claim.locator(".fact").inner_text() == "appearance"
    assert claim.locator(".source").inner_text() == "Line 3 of the backstory: “- Eyes: green”"


def test_sheet_of_each_kind_is_uploaded_and_judged(visit: Open, address: str, tmp_path: Path) -> None:
    sheets = {name: (SHEETS / name).read_bytes() for name in ("sheet.yaml", "sheet.json", "sheet.csv", "sheet.html")}
    sheets |= {"table.docx": make_docx(), "table.odt": make_odt(), "fields.toml": (SHEETS / "fields.toml").read_bytes()}
    page = visit(address)
    page.get_by_label("choose it, or drop it here").set_input_files(FOLDER / "bold titles.docx")
    page.get_by_role("button", name="Add the novel").click()
    page.wait_for_url("**/novels/bold%20titles")
    assert "chapters begin at its short lines that are bold" in page.locator("header").inner_text()
    for name, data in sheets.items():
        page.goto(f"{address}/novels/bold%20titles")
        page.get_by_label("Character (leave it empty").fill("Ada Merrow")
        page.get_by_label("or a file").set_input_files({"name": name, "mimeType": "", "buffer": data})
        page.get_by_role("button", name="Judge this backstory").click()
        page.wait_for_url("**/reports/*", timeout=120_000)
        assert "Ada Merrow was 34 years old." in page.locator(".text").all_inner_texts()
        assert page.locator(".source").first.inner_text().startswith("Line ")


def test_dropped_file_is_taken(visit: Open, address: str) -> None:
    page = visit(address)
    page.evaluate(_DROP, ["Dropped.txt", "Anna Reed kept the ferry. Anna Reed rowed."])
    page.get_by_role("button", name="Add the novel").click()
    page.wait_for_url("**/novels/Dropped")
    assert page.get_by_role("heading", level=1).inner_text() == "Dropped"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_desk_fit_a_phone(visit: Open, address: str, two_chapters: Path, scheme: str) -> None:
    page = visit(address, viewport=PHONE, color_scheme=scheme)
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    _upload(page, two_chapters)
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    assert max(widths) <= PHONE["width"]
