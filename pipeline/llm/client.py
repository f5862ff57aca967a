"""A client of the Groq API that returns JSON which is valid for a schema, or raises LLMError.

No request is sent unless the caller makes a client, and no answer is invented: a caller that can go on without Groq
catches LLMError and reports it. Texts of a novel or a backstory are in the prompt between fences, as data; whatever
instructions they contain, an answer that breaks the task's schema is rejected.

The groq library itself retries after status 429 (as long as Retry-After asks, up to a minute; not at all once the limit
of a day is reached), 5xx, time-outs and closed connections, with exponential backoff. ``GROQ_BASE_URL`` names a proxy
to use instead of Groq.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import groq
from dotenv import dotenv_values
from jsonschema import Draft202012Validator

from pipeline.config import ROOT, LLMConfig
from pipeline.errors import DailyLimitError, LLMError, SettingError
from pipeline.llm.protocol import (
    Completion,
    InvalidAnswerError,
    Messages,
    ResponseFormat,
    find_violation,
    make_correction,
    make_messages,
    make_response_format,
    parse_answer,
    read_completion,
)
from pipeline.llm.refusals import DEFAULT_HINT, KEY_NAME, URL_NAME, explain, stop_retries
from pipeline.storage.answers import AnswerCache

FORMAT_VERSION = 1
GROQ_URL = "https://api.groq.com"
SCRIPTS_FOLDER = ROOT
PRICES = {"openai/gpt-oss-20b": (0.075, 0.30), "openai/gpt-oss-120b": (0.15, 0.60)}
"""US dollars per million tokens of input and output, from https://console.groq.com/docs/models; see docs/judges.md."""
PRICES_DATE = "October 2026"

_log = logging.getLogger(__name__)


@dataclass
class Usage:
    """What a client has used: answered calls, answers from the cache, and tokens as the service counted them."""

    model: str
    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def dollars(self) -> float | None:
        """Estimate the cost in US dollars; None for a model whose price is not in ``PRICES``."""
        if self.model not in PRICES:
            return None
        read, written = PRICES[self.model]
        return (self.prompt_tokens * read + self.completion_tokens * written) / 1e6

    def __str__(self) -> str:
        known = self.dollars is not None
        cost = f"about ${self.dollars:.4f} at the prices of {PRICES_DATE}" if known else "price of this model unknown"
        return (
            f"Groq, {self.model}: {self.calls} calls, {self.cached} answers from the cache, "
            f"{self.prompt_tokens} tokens read, {self.completion_tokens} written, {cost}"
        )


def load_key(folders: Sequence[Path] | None = None) -> str | None:
    """Return the Groq key, or None when there is none.

    An exported GROQ_API_KEY wins, even an empty one, which means no key. Otherwise the first key in a ``.env`` of
    ``folders`` is used: by default those of the working folder and of the scripts.

    Raises SettingError when a ``.env`` cannot be read.
    """
    if KEY_NAME in os.environ:
        return os.environ[KEY_NAME].strip() or None
    searched = (Path.cwd(), SCRIPTS_FOLDER) if folders is None else folders
    return next((key for key in (_key_in(folder / ".env") for folder in searched) if key), None)


class GroqClient:
    """Requests JSON from Groq, counts calls and tokens, and stores every valid answer.

    A stored answer is returned without a call while service, model, instruction, texts and schema are the same. The
    key is held by the groq library alone, and is removed from whatever the service sends.
    """

    def __init__(
        self, config: LLMConfig, *, key: str | None, answers: AnswerCache, base_url: str | None = None
    ) -> None:
        """Make a client; ``base_url``, else GROQ_BASE_URL, names another service of the same interface.

        Raises LLMError when the key is missing or cannot be a key, SettingError when the address is not a URL.
        """
        self.config = config
        self._answers = answers
        self._usage = Usage(config.model)
        self._is_closed = False
        self._client = groq.Groq(
            api_key=_checked_key(key),
            base_url=_checked_url(base_url or os.environ.get(URL_NAME) or GROQ_URL),
            timeout=config.timeout_seconds,
            max_retries=config.max_retries,
            http_client=groq.DefaultHttpxClient(event_hooks={"response": [stop_retries]}),
        )

    def __repr__(self) -> str:
        return f"GroqClient({self.config.model!r})"

    @property
    def usage(self) -> Usage:
        """What this client has used so far; ``str`` of it is a line to print."""
        return replace(self._usage)

    def without_service(self) -> GroqClient:
        """Return this client, with the same counts, for stored answers alone: for others it raises DailyLimitError."""
        stored = copy(self)
        stored._is_closed = True
        return stored

    def complete_json(
        self, task: str, *, schema: Mapping[str, Any], system: str, data: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the answer to a task, a JSON object that is valid for ``schema``.

        ``task`` names the task in messages and requests. ``system`` is the instruction; ``data`` maps labels to texts,
        which are never instructions. An answer that breaks the schema is sent back once, with the violation.

        Raises LLMError when both answers are invalid or none comes (DailyLimitError if none will today), CacheError
        when an answer cannot be stored.
        """
        validator = Draft202012Validator(schema)
        messages = make_messages(system, data)
        response_format = make_response_format(task, schema, model=self.config.model)
        key = self._key(messages, response_format)
        answer = self._load(key, validator)
        if answer is not None:
            self._usage.cached += 1
            return answer
        if self._is_closed:
            raise DailyLimitError("Groq's limit of a day was reached before, and it gets no more requests in this run")
        answer = self._complete_valid(task, messages, response_format, validator)
        self._answers.store(key, answer)
        return answer

    def _load(self, key: str, validator: Draft202012Validator) -> dict[str, Any] | None:
        """Return a stored answer; None where there is none, or one that breaks the schema."""
        answer = self._answers.load(key)
        if answer is None or (isinstance(answer, dict) and find_violation(answer, validator) is None):
            return answer
        _log.warning("the stored answer %s is damaged and is requested again", key)
        return None

    def _key(self, messages: Messages, response_format: ResponseFormat) -> str:
        """Return the key of an answer: a hash of everything that it depends on."""
        request = [FORMAT_VERSION, str(self._client.base_url), self.config.model, messages, response_format]
        return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]

    def _complete_valid(
        self, task: str, messages: Messages, response_format: ResponseFormat, validator: Draft202012Validator
    ) -> dict[str, Any]:
        """Return a valid answer, the first or the corrected one; raises LLMError."""
        try:
            return parse_answer(self._complete(messages, response_format), validator)
        except InvalidAnswerError as error:
            invalid = error
        _log.warning("Groq's answer to %r is invalid and is requested once more: %s", task, invalid)
        try:
            return parse_answer(self._complete([*messages, *make_correction(invalid)], response_format), validator)
        except InvalidAnswerError as error:
            raise LLMError(
                f"Groq gave two invalid answers to {task!r} (the second: {error}); expected JSON of the task's "
                f"schema; {DEFAULT_HINT}"
            ) from None

    def _complete(self, messages: Messages, response_format: ResponseFormat) -> Completion:
        """Return one completion, and count it."""
        try:
            response = self._client.chat.completions.with_raw_response.create(
                model=self.config.model, messages=messages, response_format=response_format, temperature=0.0, seed=0
            )
        except groq.APIError as error:
            # Without the chain: a traceback would print the response, which may contain the key or an organisation.
            raise explain(error, self.config, host=self._client.base_url.host) from None
        completion = read_completion(self._without_key(response.text()))
        self._usage.calls += 1
        self._usage.prompt_tokens += completion.prompt_tokens
        self._usage.completion_tokens += completion.completion_tokens
        return completion

    def _without_key(self, text: str) -> str:
        return text.replace(self._client.api_key, "[key]")


def _key_in(path: Path) -> str | None:
    try:
        # Values are taken literally (no ${...}); a byte order mark must not become part of the name.
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SettingError(
            f"{path} cannot be read; expected a text file in UTF-8 with a line {KEY_NAME}=...; see .env.example"
        ) from None  # the decoding error contains the text, which may be the key
    return (values.get(KEY_NAME) or "").strip() or None


def _checked_key(key: str | None) -> str:
    if not key:
        raise LLMError(
            f"the Groq key is missing; expected an exported {KEY_NAME} or a line {KEY_NAME}=... in .env; make a key at "
            "https://console.groq.com/keys, or go on without Groq (--llm off)"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise LLMError(
            f"{KEY_NAME} contains spaces or letters that no key has; copy the key again (--llm off needs none)"
        )
    return key


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(f"{URL_NAME} is not a valid URL; expected one like {GROQ_URL}; fix or unset it")
    return url
