"""A loopback server with the chat-completions interface that replies as a test has scripted."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """A request that the server received."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The contents of the messages, in order."""
        return [message["content"] for message in self.body["messages"]]

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the expected answer."""
        return dict(self.body["response_format"]["json_schema"]["schema"])


@dataclass
class GroqServer:
    """Replies in the order of a script; a request after its end fails with a status that is not retried."""

    url: str = ""
    replies: deque[Reply] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)

    def script(self, *replies: Reply) -> None:
        """Add replies to the script."""
        self.replies.extend(replies)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Record a request and send its reply."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.requests.append(Request(handler.path, dict(handler.headers), body))
        self.reply_to(self.requests[-1])(handler)

    def reply_to(self, request: Request) -> Reply:
        """Return the reply to a request: the next of the script, whatever the request."""
        return self.replies.popleft() if self.replies else fails(418, "the script has ended")


def completes(content: object, *, reason: str = "stop", read: int = 100, written: int = 10) -> Reply:
    """Complete with a text, or with any other value as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return sends(json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}))


def fails(status: int, message: str, *, code: str = "some_error", headers: dict[str, str] | None = None) -> Reply:
    """Fail with a status and an error in the format of the service."""
    return sends(json.dumps({"error": {"message": message, "code": code}}), status=status, headers=headers)


def sends(body: str, *, status: int = 200, headers: dict[str, str] | None = None, missing: int = 0) -> Reply:
    """Send a body; ``missing`` more bytes are announced and never sent, so that the connection breaks."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        data = body.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data) + missing))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a response."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def stays_silent(handler: BaseHTTPRequestHandler) -> None:
    """Send nothing until the client times out."""
    handler.connection.settimeout(5)
    handler.rfile.read(1)


@contextmanager
def serving(script: GroqServer | None = None) -> Iterator[GroqServer]:
    """Run a server until the end of the block."""
    served = script or GroqServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            served.handle(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
