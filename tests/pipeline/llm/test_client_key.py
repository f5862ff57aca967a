"""The key and the address of the client: where they come from, and that the key appears nowhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pipeline.errors import LLMError, PipelineError, SettingError
from pipeline.llm.client import GROQ_URL, GroqClient, load_key
from pipeline.storage.answers import AnswerCache
from tests.pipeline.llm.conftest import CONFIG, GOOD, KEY, MakeClient, complete, stored
from tests.pipeline.llm.groq_server import (
    GroqServer,
    completes,
    fails,
    hangs_up,
)


def write_env(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ".env").write_text(text, encoding=encoding)
    return folder


def test_load_key_prefers_the_exported_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROQ_API_KEY", " gsk_exported\n")
    assert load_key([write_env(tmp_path, f"GROQ_API_KEY={KEY}\n")]) == "gsk_exported"


def test_load_key_takes_an_empty_export_for_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "")
    assert load_key([write_env(tmp_path, f"GROQ_API_KEY={KEY}\n")]) is None


def test_load_key_takes_the_first_file_that_gives_one(tmp_path: Path) -> None:
    folders = [tmp_path, write_env(tmp_path / "a", "GROQ_API_KEY=\n"), write_env(tmp_path / "b", "GROQ_API_KEY='k'\n")]
    assert load_key(folders) == "k"


def test_load_key_looks_in_the_working_folder_and_beside_the_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = write_env(tmp_path / "scripts", "GROQ_API_KEY=beside\n")
    (tmp_path / "work").mkdir()
    monkeypatch.setattr("pipeline.llm.client.SCRIPTS_FOLDER", beside)
    monkeypatch.chdir(tmp_path / "work")
    assert load_key() == "beside"
    write_env(tmp_path / "work", "GROQ_API_KEY=working\n")
    assert load_key() == "working"


def test_load_key_finds_none(tmp_path: Path) -> None:
    assert load_key([tmp_path]) is None


def test_load_key_reads_past_a_byte_order_mark(tmp_path: Path) -> None:
    assert load_key([write_env(tmp_path, f"GROQ_API_KEY={KEY}\n", "utf-8-sig")]) == KEY


def test_load_key_names_an_unreadable_file_and_not_its_content(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.env cannot be read") as caught:
        load_key([write_env(tmp_path, f"GROQ_API_KEY={KEY}é\n", "latin-1")])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [None, ""])
def test_client_needs_a_key(key: str | None, tmp_path: Path) -> None:
    with pytest.raises(LLMError, match="the Groq key is missing"):
        GroqClient(CONFIG, key=key, answers=AnswerCache(tmp_path))


def test_client_refuses_an_invalid_key_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(LLMError, match="copy the key again") as caught:
        GroqClient(CONFIG, key="gsk_secrét", answers=AnswerCache(tmp_path))
    assert "gsk_" not in str(caught.value)


def test_client_never_shows_its_key(make_client: MakeClient) -> None:
    client = make_client()
    assert KEY not in repr(client)
    assert KEY not in repr(client.usage) + str(client.usage)


def test_key_is_found_in_no_file_log_output_or_error(
    server: GroqServer,
    make_client: MakeClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"colours": [f"Bearer {KEY}"], "weight": 1}
    server.script(
        completes(f"your key is {KEY}"),
        completes(echo),
        fails(401, "x" * 290 + f"Invalid API key {KEY}"),
        hangs_up,
        fails(500, KEY),
        fails(400, KEY, code="json_validate_failed"),
        completes(KEY),
    )
    errors: list[PipelineError] = []
    for text in ("one", "two", "three", "four"):
        try:
            complete(make_client(max_retries=1), text)
        except LLMError as error:
            logging.getLogger("caller").exception("the call failed")
            errors.append(error)
    written = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == stored(tmp_path) == 1
    assert "[key]" in written[0]
    assert len(errors) == 3
    assert "Request options" in caplog.text, "the groq library must log everything that it can"
    shown = "".join([*written, caplog.text, *capfd.readouterr(), *map(str, errors)])
    assert KEY not in shown
    assert "gsk_" not in shown


@pytest.mark.parametrize("url", ["groq", "ftp://groq", "http://", "http://[groq", "http://groq:port"])
def test_client_refuses_an_invalid_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="GROQ_BASE_URL"):
        GroqClient(CONFIG, key=KEY, answers=AnswerCache(tmp_path), base_url=url)


def test_client_uses_the_url_of_the_environment(
    server: GroqServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", server.url)
    server.script(completes(GOOD))
    assert complete(GroqClient(CONFIG, key=KEY, answers=AnswerCache(tmp_path))) == GOOD


def test_client_uses_groq_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", "")
    client = GroqClient(CONFIG, key=KEY, answers=AnswerCache(tmp_path))
    assert str(client._client.base_url) == GROQ_URL == "https://api.groq.com"
