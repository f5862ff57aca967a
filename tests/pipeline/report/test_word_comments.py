"""Findings as comments: each on its words, in a made document or in the author's own, whose text stays as it is."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import NovelError
from pipeline.records import Difference, Novel, Span
from pipeline.report.findings import Finding, Passage
from pipeline.report.word_comments import comment_findings
from pipeline.report.word_text import WordText, squeeze
from pipeline.text.novels import load_novel, novel_from
from tests.inputs.make_formats import FOLDER
from tests.pipeline.report.small_world import make_novel

DOCUMENTS = sorted(path.name for path in FOLDER.glob("*.docx") if "called" not in path.name)


def make_finding(novel: Novel, start: int, end: int, *, claim: str = "She rowed.") -> Finding:
    passage = Passage(novel.text[start:end], Span(start, end), "Chapter 1, paragraph 1")
    return Finding("Ada Vane", claim, "event", 3, 0.2, True, passage, None)


def open_document(data: bytes) -> Document:
    return docx.Document(io.BytesIO(data))


def commented(document: Document) -> list[str]:
    """Return the words under each comment, in the order of the comments."""
    marks = document.element.body.iter(qn("w:commentRangeStart"), qn("w:commentRangeEnd"), qn("w:t"), qn("w:br"))
    words: dict[str, str] = {}
    open_ids: set[str] = set()
    for mark in marks:
        if mark.tag == qn("w:commentRangeStart"):
            open_ids.add(mark.get(qn("w:id")))
            words[mark.get(qn("w:id"))] = ""
        elif mark.tag == qn("w:commentRangeEnd"):
            open_ids.remove(mark.get(qn("w:id")))
        else:
            for id in open_ids:
                words[id] += "\n" if mark.tag == qn("w:br") else mark.text or ""
    return [words[str(comment.comment_id)] for comment in document.comments]


def _words(data: bytes) -> str:
    return WordText(open_document(data).element.body).squeezed


def test_comment_is_on_the_words_of_its_passage_and_says_what_is_wrong() -> None:
    novel = make_novel()
    start = novel.text.index("Her father drowned")
    end = novel.text.index("nine.") + len("nine.")
    made = comment_findings(novel, [make_finding(novel, start, end)])
    document = open_document(made.data)
    assert commented(document) == ["Her father drowned when she was nine."] and made.unplaced == ()
    (comment,) = document.comments
    assert comment.text.splitlines() == [
        "Ada Vane: “She rowed.”",
        "The book contradicts this claim (event; 20% likely to agree with the book).",
        "Backstory, line 3.",
    ]


def test_comment_reaches_to_the_words_that_differ() -> None:
    novel = make_novel()
    start, born, nine = (novel.text.index(words) for words in ("Ada Vane kept", "1840", "nine."))
    finding = make_finding(novel, start, start + len("Ada Vane kept the ferry."))
    near = replace(finding, difference=Difference("1841", "1840", born, born + 4))
    far = replace(finding, difference=Difference("ten", "nine", nine + 400, nine + 404))
    assert commented(open_document(comment_findings(novel, [near, far]).data)) == [
        "Ada Vane kept the ferry. She was born in Porth in 1840",
        "Ada Vane kept the ferry.",
    ]


def test_made_document_has_the_text_and_the_chapters_of_the_novel() -> None:
    novel = make_novel()
    document = open_document(comment_findings(novel, []).data)
    text = "\n\n".join(paragraph.text for paragraph in document.paragraphs)
    assert text == novel.text[slice(*novel.body)].strip()
    headings = [each.text for each in document.paragraphs if each.style and each.style.name == "Heading 1"]
    assert headings == [chapter.title for chapter in novel.chapters]


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="ab .\n\t\x00\x0c", min_size=1, max_size=60), st.data())
def test_any_range_of_any_text_is_commented(body: str, data: st.DataObject) -> None:
    text = f"{body}Anna rowed."
    novel = Novel("N", "N.txt", text, Span(0, len(text)), (), "utf-8", "0" * 64)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    made = comment_findings(novel, [make_finding(novel, start, end)])
    assert _words(made.data) == squeeze(text)
    if squeeze(text[start:end]):
        (words,) = commented(open_document(made.data))
        assert squeeze(words) == squeeze(text[start:end])
    else:
        assert len(made.unplaced) == 1


def test_of_equal_passages_the_one_at_the_offsets_is_chosen() -> None:
    text = "She rowed. He slept. She rowed. It rained. She rowed."
    novel = Novel("N", "N.txt", text, Span(0, len(text)), (), "utf-8", "0" * 64)
    start = text.index("She rowed. It")
    document = open_document(comment_findings(novel, [make_finding(novel, start, start + 10)]).data)
    run = document.element.body.find(f".//{qn('w:commentRangeStart')}").getnext()
    assert commented(document) == ["She rowed."] and run.getnext().getnext().getnext().text.startswith(" It rained.")


def test_passages_that_overlap_have_a_comment_each() -> None:
    novel = make_novel()
    start = novel.text.index("She was born")
    findings = [make_finding(novel, start, start + 20), make_finding(novel, start + 8, start + 28, claim="Again.")]
    assert commented(open_document(comment_findings(novel, findings).data)) == [
        novel.text[start : start + 20],
        novel.text[start + 8 : start + 28].strip(),
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_own_document_keeps_its_text_and_has_the_comment_on_the_right_words(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    novel = load_novel(FOLDER / name)
    lines = [line for line in novel.text[slice(*novel.body)].split("\n") if len(line) > 20]
    start = novel.text.index(lines[-1])
    made = comment_findings(novel, [make_finding(novel, start, start + len(lines[-1]))], data)
    assert _words(made.data) == _words(data) and made.unplaced == ()
    (words,) = commented(open_document(made.data))
    assert squeeze(words) in squeeze(lines[-1]) and len(words) > 10


def test_own_document_keeps_its_styles_and_cuts_only_the_runs_at_the_ends() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Anna Reed ")
    paragraph.add_run("kept the ferry").bold = True
    paragraph.add_run(" at noon.")
    out = io.BytesIO()
    document.save(out)
    novel = novel_from(out.getvalue(), Path("Low Water.docx"))
    start = novel.text.index("Reed kept the")
    made = open_document(comment_findings(novel, [make_finding(novel, start, start + 13)], out.getvalue()).data)
    assert commented(made) == ["Reed kept the"]
    assert [(run.text, run.bold) for run in made.paragraphs[0].runs if run.text] == [
        ("Anna ", None),
        ("Reed ", None),
        ("kept the", True),
        (" ferry", True),
        (" at noon.", None),
    ]


def test_passage_that_is_not_in_the_document_is_named() -> None:
    novel = make_novel()
    other = make_novel(novel.text.replace("river", "shore"))
    out = comment_findings(novel, []).data
    finding = make_finding(other, other.text.index("shore"), other.text.index("shore") + 5)
    assert comment_findings(other, [finding], out).unplaced == (finding,)


def test_equal_documents_have_equal_bytes_and_no_time() -> None:
    novel = make_novel()
    findings = [make_finding(novel, 30, 50)]
    first, second = (comment_findings(novel, findings).data for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert b"w:date" not in archive.read("word/comments.xml")


def test_file_that_is_no_document_is_a_clear_error() -> None:
    with pytest.raises(NovelError, match="cannot be opened to write comments into it"):
        comment_findings(make_novel(), [], b"PK nothing")
