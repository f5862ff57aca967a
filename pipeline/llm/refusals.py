"""Why Groq gave no answer: the service's errors in our words, and the limit of a day, after which no wait helps.

The service's own message is shown nowhere: it names the organisation of the key.
"""

from __future__ import annotations

import re
from typing import Any

import groq

from pipeline.config import LLMConfig
from pipeline.errors import DailyLimitError, LLMError
from pipeline.llm.protocol import InvalidAnswerError

KEY_NAME = "GROQ_API_KEY"
URL_NAME = "GROQ_BASE_URL"
LONGEST_WAIT = 60.0
"""Seconds that the groq library waits at most; a limit that asks for more is treated as one of a day."""
DEFAULT_HINT = "choose another model of https://console.groq.com/docs/models, or go on without Groq (--llm off)"

_TOO_MANY = 429
_HINTS = {
    401: f"check {KEY_NAME}, or make a key at https://console.groq.com/keys",
    403: f"check {KEY_NAME}, and that its account may use the model",
    404: "choose a model of https://console.groq.com/docs/models",
    413: "give shorter texts, or raise the key's limit at https://console.groq.com/settings/limits",
    _TOO_MANY: "wait, or raise the key's limit at https://console.groq.com/settings/limits",
}
_PER_DAY = re.compile(r"\bper day\b|\b[TR]PD\b", re.I)
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")


def stop_retries(response: Any) -> None:
    """Mark a response that refuses for the day (an httpx.Response), so that the groq library does not try again."""
    if response.status_code == _TOO_MANY:
        response.read()
        if _is_daily(response):
            response.headers["x-should-retry"] = "false"


def _is_daily(response: Any) -> bool:
    wait = _seconds(response)
    return (wait is not None and wait > LONGEST_WAIT) or _PER_DAY.search(response.text) is not None


def _seconds(response: Any) -> float | None:
    """Return how long the service asks to wait, None where it does not say so in seconds."""
    try:
        return float(response.headers.get("retry-after", ""))
    except ValueError:
        return None


def explain(error: groq.APIError, config: LLMConfig, *, host: str) -> LLMError | InvalidAnswerError:
    """Return our error for one of groq's; one about the answer's JSON is an InvalidAnswerError."""
    if isinstance(error, groq.APITimeoutError):
        return LLMError(
            f"Groq did not answer within {config.timeout_seconds:g} s in {config.max_retries + 1} attempts; try again "
            "later, or allow more time"
        )
    if not isinstance(error, groq.APIStatusError):
        return LLMError(
            f"Groq cannot be reached at {host}; check the network and {URL_NAME}, or go on without Groq (--llm off)"
        )
    code = _code(error)
    if code == "json_validate_failed":
        return InvalidAnswerError("the service found no valid JSON in it")
    if error.status_code == _TOO_MANY and _is_daily(error.response):
        return DailyLimitError(
            "Groq's limit of a day is reached, and it gets no more requests in this run; the answers so far are "
            f"stored, and a later run goes on from them; {_HINTS[_TOO_MANY]}"
        )
    wait = _seconds(error.response)
    waiting = "" if wait is None else f" and asks to wait {wait:g} s"
    return LLMError(
        f"Groq answered with status {error.status_code}{f' ({code})' if code else ''}{waiting}; "
        f"{_hint(error.status_code)}"
    )


def _code(error: groq.APIStatusError) -> str:
    """Return the code of the error in the body of a response, empty where it has none."""
    details = error.body.get("error") if isinstance(error.body, dict) else None
    code = details.get("code") if isinstance(details, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _hint(status: int) -> str:
    return _HINTS.get(status) or ("try again later" if status >= 500 else DEFAULT_HINT)
