"""The desk from the list of novels to the report, and all that it refuses."""

from __future__ import annotations

import io
import json
import time
from html import unescape
from typing import Any

import docx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pipeline.records import Waiver
from pipeline.serve.library import Desk
from pipeline.waivers import load_waivers, save_waiver
from tests.pipeline.little_story import BACKSTORY, TEXT
from tests.pipeline.report.small_world import STING
from tests.pipeline.serve.sample_uploads import make_epub, upload


def _follow(client: FlaskClient, response: TestResponse) -> str:
    """Return where a job leads, once it is done."""
    assert response.status_code == 303, response.text
    address = response.location
    for _ in range(1500):
        if not address.startswith("/jobs/"):
            return address
        answer = client.get(address)
        if answer.status_code == 303:
            address = answer.location
        assert "This did not work" not in answer.text, answer.text
        time.sleep(0.02)
    raise AssertionError("the job did not end in thirty seconds")


def _ask(client: FlaskClient, *, character: str = "Anna Reed", backstory: str = BACKSTORY) -> str:
    asked = {"character": character, "backstory": backstory}
    return _follow(client, client.post("/novels/Low%20Water/backstories", data=asked))


def _answer(client: FlaskClient, report: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(client.get(f"{report}/verdict.json").text)
    return answer


def test_home_lists_the_novels(client: FlaskClient) -> None:
    assert '<a href="/novels/Low%20Water">Low Water</a>' in client.get("/").text


def test_novel_shows_its_cast_once_it_is_open(client: FlaskClient) -> None:
    assert _follow(client, client.get("/novels/Low%20Water")) == "/novels/Low%20Water"
    page = client.get("/novels/Low%20Water").text
    assert 'data-name="Dr Moss"' in page and "3 chapters" in page


def test_uploaded_novel_is_listed_and_can_be_judged(client: FlaskClient, desk: Desk) -> None:
    address = _follow(client, upload(client, make_epub(), "Brought.epub"))
    assert address == "/novels/Brought" and (desk.novels_dir / "Brought.epub").is_file()


def test_question_leads_to_its_report_and_files(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    page = client.get(report)
    assert page.status_code == 200 and "Anna Reed in <cite>Low Water</cite>" in page.text
    assert f'href="{report}/verdict.json"' in page.text
    assert _answer(client, report)["character"] == "Anna Reed"
    file = client.get(f"{report}/report.html")
    assert "attachment" in file.headers["Content-Disposition"] and "<form" not in file.text
    assert report in client.get("/").text


def test_same_question_has_one_report(client: FlaskClient, desk: Desk) -> None:
    assert _ask(client) == _ask(client)
    assert len(desk.reports()) == 1


def test_finding_is_marked_as_intentional_and_counts_again(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    claim = _answer(client, report)["claims"][1]
    marked = {"claim": claim["id"], "reason": " She renames\n it later. ", "action": "waive"}
    assert _follow(client, client.post(f"{report}/waivers", data=marked)) == report
    (waiver,) = load_waivers(desk.novels_dir / "Low Water.waivers.json")
    assert (waiver.claim, waiver.reason) == (claim["text"], "She renames it later.")
    assert _answer(client, report)["claims"][1]["waiver"] == "She renames it later."
    assert "Marked as intentional, and left out of the verdict" in client.get(report).text
    dropped = {"claim": claim["id"], "action": "drop"}
    _follow(client, client.post(f"{report}/waivers", data=dropped))
    assert load_waivers(desk.novels_dir / "Low Water.waivers.json") == ()
    assert "waiver" not in _answer(client, report)["claims"][1]


def test_kind_of_reason_is_one_click(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    claim = _answer(client, report)["claims"][1]
    _follow(client, client.post(f"{report}/waivers", data={"claim": claim["id"], "kind": "wrong alarm", "reason": ""}))
    (waiver,) = load_waivers(desk.novels_dir / "Low Water.waivers.json")
    assert (waiver.kind, waiver.reason) == ("wrong alarm", "wrong alarm")
    answer = _answer(client, report)["claims"][1]
    assert (answer["waiver"], answer["waiver_kind"]) == ("wrong alarm", "wrong alarm")
    assert "wrong alarm" in client.get("/novels/Low%20Water").text
    unknown = {"claim": claim["id"], "kind": "mood"}
    assert client.post(f"{report}/waivers", data=unknown).status_code == 400


def test_proposed_name_acts_once_it_is_confirmed(client: FlaskClient, desk: Desk) -> None:
    novel = desk.novels_dir / "Low Water.txt"
    novel.write_text(novel.read_text(encoding="utf-8") + "\nDr Moss, known as the Heron, slept.\n", encoding="utf-8")
    _follow(client, client.get("/novels/Low%20Water"))
    page = client.get("/novels/Low%20Water").text
    assert "<strong>the Heron</strong> is Dr Moss?" in page and "Dr Moss, known as the Heron, slept." in page
    assert not desk.open("Low Water").aliases
    named = {"alias": "the Heron", "name": "Dr Moss"}
    assert client.post("/novels/Low%20Water/aliases", data=named).status_code == 303
    assert (desk.novels_dir / "Low Water.aliases").read_text(encoding="utf-8") == "the Heron=Dr Moss\n"
    _follow(client, client.get("/novels/Low%20Water"))
    assert "is Dr Moss?" not in client.get("/novels/Low%20Water").text
    assert [tuple(alias) for alias in desk.open("Low Water").aliases] == [("the Heron", "Dr Moss")]
    assert client.post("/novels/Low%20Water/aliases", data={"alias": "", "name": "x"}).status_code == 400


def test_narrator_is_set_and_unset_on_the_page_of_the_novel(client: FlaskClient, desk: Desk) -> None:
    _follow(client, client.get("/novels/Low%20Water"))
    assert "No character is known to tell this novel" in client.get("/novels/Low%20Water").text
    form = "/novels/Low%20Water/narrators"
    assert client.post(form, data={"narrators": "1-2: Tom Hale\r\n\r\n"}).status_code == 303
    _follow(client, client.get("/novels/Low%20Water"))
    page = client.get("/novels/Low%20Water").text
    assert "<strong>Tom Hale</strong>" in page and "given by you" in page and "1-2: Tom Hale</textarea>" in page
    assert client.post(form, data={"narrators": "2-1: Tom Hale"}).status_code == 400
    assert client.post(form, data={"narrators": " "}).status_code == 303
    assert not (desk.novels_dir / "Low Water.narrators").exists()


def test_mark_can_be_taken_back_at_the_novel_too(client: FlaskClient, desk: Desk) -> None:
    path = desk.novels_dir / "Low Water.waivers.json"
    save_waiver(path, Waiver("Anna Reed", "Anna Reed could not row.", "intended"))
    _follow(client, client.get("/novels/Low%20Water"))
    assert "Anna Reed could not row." in client.get("/novels/Low%20Water").text
    mark = {"character": "Anna Reed", "claim": "Anna Reed could not row."}
    assert client.post("/novels/Low%20Water/waivers", data=mark).status_code == 303
    assert load_waivers(path) == ()
    assert client.post("/novels/Low%20Water/waivers", data=mark).status_code == 400


SHEET = "## Anna Reed\n- Age: 34\n- Boat: Patience\n\n## Dr Moss\n- Occupation: doctor\n\n## Clara Voss\n- Age: 3\n"


def test_sheet_without_a_character_has_a_report_for_each(client: FlaskClient, desk: Desk) -> None:
    address = _ask(client, character="", backstory=SHEET)
    assert address.startswith("/sheets/")
    page = client.get(address).text
    assert "Clara Voss was not judged: " in page and page.count('href="/reports/') == 2
    assert sorted(report.submission.character for report in desk.reports()) == ["Anna Reed", "Dr Moss"]
    (own,) = [report for report in desk.reports() if report.submission.character == "Anna Reed"]
    claims = _answer(client, f"/reports/{own.id}")["claims"]
    assert [(claim["line"], claim["text"]) for claim in claims] == [
        (2, "Anna Reed was 34 years old."),
        (3, "Anna Reed's boat was Patience."),
    ]


def test_sheet_is_one_entry_of_the_lists_and_its_reports_lead_back(client: FlaskClient, desk: Desk) -> None:
    sheet = _ask(client, character="", backstory=SHEET)
    for address in ("/", "/novels/Low%20Water"):
        page = client.get(address).text
        assert page.count(f'href="{sheet}"') == 1 and 'href="/reports/' not in page
    (own, _) = desk.reports()
    assert f'href="{sheet}"' in client.get(f"/reports/{own.id}").text
    again = client.post(f"/reports/{own.id}/again")
    assert f'href="{sheet}"' in client.get(_follow(client, again)).text
    form = client.get(f"/novels/Low%20Water?from={own.id}").text
    assert "## Dr Moss" in form and 'value="Anna Reed">' in form.split("datalist")[1]
    assert 'autocomplete="off" value="">' in form


def test_what_was_written_can_be_changed(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    address = f"/novels/Low%20Water?from={report.removeprefix('/reports/')}"
    assert address in client.get(report).text
    page = client.get(address).text
    assert BACKSTORY in unescape(page) and 'autocomplete="off" value="Anna Reed">' in page
    assert 'autocomplete="off" value="">' in client.get("/novels/Low%20Water?from=nosuch").text


@pytest.mark.parametrize("character", ["Anna Reed", ""])
def test_findings_are_a_list_and_comments_to_download(client: FlaskClient, character: str) -> None:
    address = _ask(client, character=character, backstory=SHEET if not character else BACKSTORY)
    listed = client.get(f"{address}/findings.md")
    assert listed.headers["Content-Disposition"] == "attachment; filename=findings.md"
    assert "## Anna Reed: " in listed.text and ("## Dr Moss: " in listed.text) == (not character)
    document = docx.Document(io.BytesIO(client.get(f"{address}/findings.docx").data))
    assert "Anna Reed" in "".join(paragraph.text for paragraph in document.paragraphs)


def test_findings_of_a_changed_novel_or_an_unknown_report_are_refused(client: FlaskClient, desk: Desk) -> None:
    address = _ask(client)
    novel = desk.novels_dir / "Low Water.txt"
    novel.write_text(novel.read_text(encoding="utf-8") + "\nIt rained.\n", encoding="utf-8")
    refused = client.get(f"{address}/findings.docx")
    assert refused.status_code == 400 and "is not as it was judged" in refused.text
    assert client.get("/reports/nosuch/findings.md").status_code == 404
    assert client.get("/sheets/nosuch/findings.docx").status_code == 404


def test_sheet_comes_as_a_file_too(client: FlaskClient, desk: Desk) -> None:
    sheet = (io.BytesIO(b"name: Anna Reed\nage: 34\n---\nname: Dr Moss\njob: doctor\n"), "sheet.yaml")
    response = client.post("/novels/Low%20Water/backstories", data={"character": "", "backstory": "", "sheet": sheet})
    assert _follow(client, response).startswith("/sheets/")
    assert {report.submission.layout for report in desk.reports()} == {"yaml"}


@pytest.mark.parametrize("form", [{"character": ""}, {"character": "", "backstory": "She kept the ferry."}])
def test_backstory_that_names_nobody_needs_a_character(client: FlaskClient, form: dict[str, str]) -> None:
    response = client.post("/novels/Low%20Water/backstories", data=form)
    assert response.status_code == 400 and "fill in both" in response.text


@pytest.mark.parametrize("id", ["nosuch", "..", "a%2Fb"])
def test_unknown_sheet_is_a_clear_page(client: FlaskClient, id: str) -> None:
    assert client.get(f"/sheets/{id}").status_code == 404


def test_report_that_is_judged_again_shows_what_changed(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    assert "What changed since the last run" not in client.get(report).text
    assert _follow(client, client.post(f"{report}/again")) == report
    assert "Nothing: the verdict and every claim are as they were." in client.get(report).text
    claim = _answer(client, report)["claims"][1]
    _follow(client, client.post(f"{report}/waivers", data={"claim": claim["id"], "kind": "lie", "reason": ""}))
    page = client.get(report).text
    changes = page[page.index("What changed since the last run") : page.index("The claims at a glance")]
    assert "Left out" in changes and claim["text"] in changes.replace("&#39;", "'")
    assert client.post("/reports/0123456789abcdef/again").status_code == 404


def test_mark_whose_passage_was_edited_is_shown_to_look_at_and_confirmed(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    claim = _answer(client, report)["claims"][1]
    novel, waivers = desk.novels_dir / "Low Water.txt", desk.novels_dir / "Low Water.waivers.json"
    save_waiver(waivers, Waiver("Anna Reed", claim["text"], "lie", "The boat was called the Patience.", "lie"))
    novel.write_text(TEXT.replace("The boat was called", "The old boat was called"), encoding="utf-8")
    _follow(client, client.post(f"{report}/again"))
    page = client.get(report).text
    assert "Marked as intentional, to look at:" in page and "Probably here now, Chapter 1. The ferry" in page
    listed = client.get("/novels/Low%20Water").text
    assert "To look at: its passage is probably here now (chapter 1, paragraph 1)" in listed
    _follow(client, client.post(f"{report}/waivers", data={"claim": claim["id"], "action": "renew"}))
    (waiver,) = load_waivers(waivers)
    assert (waiver.passage, waiver.kind) == ("The old boat was called the Patience.", "lie")
    assert waiver.after.startswith("It held eleven people")
    answer = _answer(client, report)["claims"][1]
    assert answer["waiver"] == "lie" and "waiver_to_look_at" not in answer
    assert client.post(f"{report}/waivers", data={"claim": claim["id"], "action": "renew"}).status_code == 400


def test_mark_to_look_at_is_removed(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    claim = _answer(client, report)["claims"][1]
    waivers = desk.novels_dir / "Low Water.waivers.json"
    save_waiver(waivers, Waiver("Anna Reed", claim["text"], "intended", "Snow fell on the whole of the empty sea."))
    _follow(client, client.post(f"{report}/again"))
    assert "is no longer in the novel:" in client.get(report).text
    _follow(client, client.post(f"{report}/waivers", data={"claim": claim["id"], "action": "drop"}))
    assert load_waivers(waivers) == ()


def test_reports_outlive_the_server(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    again = Desk(desk.pipeline, desk.novels_dir, desk.out_dir)
    assert [f"/reports/{kept.id}" for kept in again.reports("Low Water")] == [report]


def test_new_version_of_a_novel_is_opened_anew(client: FlaskClient, desk: Desk) -> None:
    _follow(client, client.get("/novels/Low%20Water"))
    text = TEXT.replace("Moss", "Marsh")
    _follow(client, client.get(upload(client, text.encode(), "Low Water.txt", replace="on").location))
    page = client.get("/novels/Low%20Water").text
    assert "Dr Marsh" in page and "Dr Moss" not in page


def test_unknown_character_is_explained_on_the_page_of_the_job(client: FlaskClient) -> None:
    asked = {"character": "Captain Ahab", "backstory": BACKSTORY}
    address = client.post("/novels/Low%20Water/backstories", data=asked).location
    for _ in range(500):
        page = client.get(address).text
        if "This did not work" in page:
            break
        time.sleep(0.02)
    assert "Captain Ahab" in page and "Anna Reed" in page


@pytest.mark.parametrize(
    ("address", "data", "status", "said"),
    [
        ("/novels", {}, 400, "no file was chosen"),
        ("/novels/Low%20Water/backstories", {"character": " ", "backstory": "x"}, 400, "fill in both"),
        ("/novels/Low%20Water/backstories", {"character": "A", "backstory": "x" * 100_001}, 400, "at most 100,000"),
        (
            "/novels/Moby%20Dick/backstories",
            {"character": "A", "backstory": "x"},
            400,
            "there is no novel &#39;Moby Dick&#39;",
        ),
        ("/reports/0123456789abcdef/waivers", {"claim": "c"}, 404, "no such report"),
    ],
)
def test_bad_forms_are_refused_in_words(
    client: FlaskClient, address: str, data: dict[str, str], status: int, said: str
) -> None:
    answer = client.post(address, data=data)
    assert answer.status_code == status and said in answer.text


@pytest.mark.parametrize(
    "address",
    ["/novels/..%2F..%2Fetc%2Fpasswd", "/reports/../verdict.json", "/reports/%2e%2e/report.html", "/jobs/x", "/x"],
)
def test_addresses_lead_nowhere_else(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code in {400, 404}


def test_file_over_the_limit_is_refused_by_its_size(client: FlaskClient) -> None:
    answer = upload(client, b"x" * 1_100_000, "Large.txt")
    assert answer.status_code == 413 and "larger than 1 MB" in answer.text


def test_waiver_without_a_reason_or_a_claim_is_refused(client: FlaskClient, desk: Desk) -> None:
    report = _ask(client)
    claim = _answer(client, report)["claims"][0]["id"]
    for data in ({"claim": claim, "reason": " "}, {"claim": "c9-unknown", "reason": "r"}):
        assert client.post(f"{report}/waivers", data=data).status_code == 400
    assert not (desk.novels_dir / "Low Water.waivers.json").exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_forms_of_other_sites_are_refused(client: FlaskClient, desk: Desk, headers: dict[str, str]) -> None:
    answer = client.post("/novels", data={"file": (io.BytesIO(b"A novel."), "Evil.txt")}, headers=headers)
    assert answer.status_code == 403 and not (desk.novels_dir / "Evil.txt").exists()


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}])
def test_forms_of_the_desk_itself_are_taken(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/novels", data={"file": (io.BytesIO(b"A novel."), "Good.txt")}, headers=headers)
    assert answer.status_code == 303


def test_names_that_point_here_from_elsewhere_are_refused(client: FlaskClient) -> None:
    assert client.get("/", headers={"Host": "evil.example:8420"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:8420"}).status_code == 200


def test_every_answer_carries_its_policy(client: FlaskClient) -> None:
    for address in ("/", "/desk.css", "/desk.js", "/x"):
        headers = client.get(address).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"


def test_novel_full_of_markup_shows_as_text(client: FlaskClient, desk: Desk) -> None:
    text = TEXT.replace("Tom Hale", "Tom <script>alert(1)</script> Hale")
    (desk.novels_dir / "A <b>&.txt").write_text(text, encoding="utf-8")
    assert "A &lt;b&gt;&amp;" in client.get("/").text
    address = _follow(client, client.get("/novels/A%20%3Cb%3E%26"))
    asked = {"character": "Anna Reed", "backstory": f"Anna Reed said {STING}. She could not row."}
    report = _follow(client, client.post(f"{address}/backstories", data=asked))
    for page in (address, report, "/"):
        assert "<script>alert" not in client.get(page).text and "<img" not in client.get(page).text
