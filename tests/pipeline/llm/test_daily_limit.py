"""The limit of a day: the first refusal ends the requests of the run, and a later run goes on from its answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import dataset_main
from pipeline.errors import DailyLimitError
from tests.pipeline.command_line import run
from tests.pipeline.llm.conftest import GOOD, Clerk, MakeClient, complete, stored
from tests.pipeline.llm.groq_server import GroqServer, Reply, Request, completes, fails

ORGANISATION = "org_TEST1"
TOKENS = (
    f"Rate limit reached for model m in organization {ORGANISATION} on tokens per day (TPD): Limit 100, Used 100. "
    "Please try again in 9m38s"
)
REQUESTS = f"Rate limit reached in organization {ORGANISATION} on requests per day (RPD)"
REFUSALS = [
    fails(429, TOKENS, code="rate_limit_exceeded", headers={"Retry-After": "578"}),
    fails(429, REQUESTS, code="rate_limit_exceeded", headers={"Retry-After": "7.66"}),
    fails(429, REQUESTS),
    fails(429, f"{ORGANISATION} must wait", headers={"Retry-After": "86400"}),
]
NOTICE = "Groq's limit of a day is reached"


class LimitedClerk(Clerk):
    """A clerk with so many answers for a day, who then refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 5

    def reply_to(self, request: Request) -> Reply:
        """Return an answer while there are any left."""
        self.left -= 1
        return super().reply_to(request) if self.left >= 0 else REFUSALS[0]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_limit_of_a_day_is_an_error_at_once_without_the_message(
    refusal: Reply, server: GroqServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(refusal, completes(GOOD))
    began = time.monotonic()
    with pytest.raises(DailyLimitError, match=NOTICE) as caught:
        complete(make_client())
    assert time.monotonic() - began < 5
    assert len(server.requests) == 1
    assert ORGANISATION not in str(caught.value) + caplog.text


def test_limit_of_a_minute_is_waited_for(server: GroqServer, make_client: MakeClient) -> None:
    server.script(fails(429, "on tokens per minute (TPM)", headers={"Retry-After": "0.1"}), completes(GOOD))
    assert complete(make_client()) == GOOD


def test_client_without_its_service_returns_stored_answers_alone(
    server: GroqServer, make_client: MakeClient, tmp_path: Path
) -> None:
    server.script(completes(GOOD))
    client = make_client()
    complete(client)
    closed = client.without_service()
    assert complete(closed) == GOOD
    with pytest.raises(DailyLimitError):
        complete(closed, "It was blue.")
    assert len(server.requests) == stored(tmp_path) == 1
    assert (client.usage.calls, client.usage.cached) == (1, 1)


@pytest.fixture
def limited(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> LimitedClerk:
    """The clerk that runs already, with its answers counted."""
    other = LimitedClerk()
    other.requests = clerk.requests
    monkeypatch.setattr(clerk, "reply_to", other.reply_to)
    return other


@pytest.fixture
def predict(shelf: Path, stand_in_reader: Path, tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    """Return a function that judges two tables of 20 rows with Groq and returns what it printed, out and err."""
    for name, first, label in (("train", 0, ",label"), ("test", 12, "")):
        count = 12 if name == "train" else 8
        lines = [
            f"{n},Low Water,Anna Reed,Anna Reed had {n} boats." + (f",{n % 2}" if label else "")
            for n in range(first, first + count)
        ]
        text = "\n".join([f"id,book_name,char,content{label}", *lines])
        (tmp_path / f"{name}.csv").write_text(text + "\n", encoding="utf-8")

    def predicted(name: str) -> tuple[str, str]:
        machine = [
            "--model_dir",
            stand_in_reader,
            "--device",
            "cpu",
            "--threads",
            "1",
            "--folds",
            "2",
            "--repeats",
            "2",
        ]
        places = ["--novels_dir", shelf, "--cache_dir", tmp_path / "cache", "--out_dir", tmp_path / name]
        tables = ["--train_csv", tmp_path / "train.csv", "--test_csv", tmp_path / "test.csv"]
        said = run(dataset_main, *machine, *places, *tables, "--judge", "groq")
        assert said.status == 0
        return "\n".join(said.out), "\n".join(said.err)

    return predicted


@pytest.mark.slow
def test_first_refusal_of_a_day_ends_the_requests_and_a_later_run_goes_on(
    limited: LimitedClerk, predict: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    out, err = predict("first")
    assert len(limited.requests) == 6
    assert err.count(NOTICE) == out.count(NOTICE) == 1
    assert "Groq, openai/gpt-oss-120b: 5 calls, 0 answers from the cache" in out
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert ORGANISATION.encode() not in b"".join(path.read_bytes() for path in files)
    assert ORGANISATION not in out + err

    limited.left = 100
    out, err = predict("second")
    assert len(limited.requests) == 6 + 15
    assert NOTICE not in out + err
    assert "15 calls, 5 answers from the cache" in out
