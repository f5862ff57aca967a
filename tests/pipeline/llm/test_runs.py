"""Runs of ``pipeline.py`` with Groq: their artefacts, notices and usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.llm.conftest import KEY, STORY, Clerk, Run, load


def test_main_without_a_key_ends_with_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, run_main: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "")
    run_main("out", "--llm", "all", "--judge", "groq", status=2)
    assert capsys.readouterr().err.startswith("error: the Groq key is missing; expected")


def test_run_with_groq_off_makes_no_request_and_does_not_mention_it(
    clerk: Clerk, run_main: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_main("out")
    manifest = load(out / "manifest.json")
    assert clerk.requests == []
    assert "llm" not in manifest["settings"]
    assert "Groq" not in json.dumps(manifest["methods"]) + capsys.readouterr().out


def test_summaries_of_groq_are_those_of_chunks_in_evidence(clerk: Clerk, run_main: Run) -> None:
    own = load(run_main("own", "--top_k", "1") / f"{STORY}.chunks.json")
    out = run_main("out", "--top_k", "1", "--llm", "summaries")
    chunks = load(out / f"{STORY}.chunks.json")
    shown = {str(pair["chunk"]) for pairs in load(out / "claim_chunk_pairs.json").values() for pair in pairs}
    assert clerk.tasks() == ["summaries"]
    assert shown < set(chunks)
    for index, chunk in chunks.items():
        assert chunk["summary"] == ("Groq tells of a ferry." if index in shown else own[index]["summary"])


def test_run_with_all_tasks_reports_methods_and_usage(
    clerk: Clerk, run_main: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_main("out", "--llm", "all")
    manifest = load(out / "manifest.json")
    methods = manifest["methods"]
    assert clerk.tasks() == ["claims", "labels", "summaries"]
    assert manifest["settings"]["llm"]["mode"] == "all"
    assert methods["claims"].startswith("split by openai/gpt-oss-120b on Groq, 1 of 1 backstories; else heuristic")
    assert "on Groq, 2 of 2 claims" in methods["scorer"]
    assert methods["summary"].startswith("of chunks in evidence a sentence written by openai/gpt-oss-120b on Groq")
    calls = f"Groq, openai/gpt-oss-120b: {len(clerk.requests)} calls, 0 answers from the cache"
    assert capsys.readouterr().out.splitlines()[-1].startswith(calls)


def test_run_with_all_tasks_repeats_byte_for_byte_without_a_call(clerk: Clerk, run_main: Run) -> None:
    first = run_main("first", "--llm", "all")
    calls = len(clerk.requests)
    second = run_main("second", "--llm", "all")
    assert len(clerk.requests) == calls
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_run_in_which_groq_fails_is_the_run_without_it_with_notices(
    clerk: Clerk, run_main: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk.failing = {"claims", "labels", "summaries"}
    own, out = run_main("own"), run_main("out", "--llm", "all")
    err = capsys.readouterr().err
    for name in ("claim_chunk_pairs.json", f"{STORY}.chunks.json", "reasoning.json"):
        assert (out / name).read_bytes() == (own / name).read_bytes()
    notices = load(out / "backstory_consistency.json")["notices"]
    assert all(f"note: {notice}\n" in err for notice in notices)
    assert "note: Groq did not summarise" in err
    assert "Groq, 0 of 1 backstories; else heuristic" in load(out / "manifest.json")["methods"]["claims"]
    assert KEY not in err + json.dumps(notices)


@pytest.mark.parametrize("flags", [("--llm", "all"), ("--judge", "groq", "--llm", "claims")])
def test_key_is_in_no_artefact_and_no_output(
    flags: tuple[str, ...], clerk: Clerk, run_main: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = run_main("out", *flags, "--cache_dir", str(tmp_path / "cache"))
    assert {"claims", "labels"} <= set(clerk.tasks())
    assert load(out / "manifest.json")["settings"]["scoring"]["judge"] == "groq"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.parent.name == "answers" for path in files)
    assert KEY.encode() not in b"".join(path.read_bytes() for path in files)
    assert KEY not in "".join(capfd.readouterr())
