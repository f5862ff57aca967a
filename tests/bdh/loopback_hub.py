"""A hub on loopback: the calls that the hub's client needs to create a repository, commit and download."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

_REPOSITORY = "(models|datasets)/([^/]+/[^/]+)"


def _name(found: re.Match[str]) -> str:
    return found[2] if found[1] == "models" else f"datasets/{found[2]}"


class LoopbackHub(ThreadingHTTPServer):
    """Repositories and commits in memory: (repository, message, files after it); data is under ``datasets/``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.commits: list[tuple[str, str, list[str]]] = []
        self.refuse = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def revision(self, repo_id: str) -> str:
        """Return a commit id that changes with every commit."""
        return hashlib.sha1(f"{repo_id} {len(self.commits)}".encode()).hexdigest()


@contextmanager
def running_hub() -> Iterator[LoopbackHub]:
    """Serve from a thread until the block ends."""
    server = LoopbackHub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""

    def do_HEAD(self) -> None:
        self._answer_file()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(rf"/api/{_REPOSITORY}(?:/revision/[^/]+)?", path):
            self._answer_info(_name(found))
        elif found := re.fullmatch(rf"/api/{_REPOSITORY}/tree/[^/]+", path):
            files = self.server.repositories.get(_name(found), {})
            self._send_json(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for name, content in files.items()
                ]
            )
        else:
            self._answer_file()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = unquote(urlsplit(self.path).path)
        if self.server.refuse:
            self._send_json({"error": "no such luck"}, status=403)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif re.fullmatch(rf"/api/{_REPOSITORY}/preupload/[^/]+", path):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._send_json({"files": files})
        elif found := re.fullmatch(rf"/api/{_REPOSITORY}/commit/[^/]+", path):
            self._commit(_name(found), [json.loads(line) for line in body.splitlines()])
        else:
            self._send_json({"error": path}, status=404)

    def _create(self, wish: dict[str, Any]) -> None:
        kind = "datasets/" if wish.get("type") == "dataset" else ""
        repo_id = f"{kind}{wish['organization'] or 'me'}/{wish['name']}"
        exists = repo_id in self.server.repositories
        if not exists:
            self.server.repositories[repo_id] = {}
            self.server.private[repo_id] = wish.get("private") is True or wish.get("visibility") == "private"
        self._send_json({"url": f"{self.server.endpoint}/{repo_id}"}, status=409 if exists else 200)

    def _commit(self, repo_id: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repositories[repo_id]
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            if line["key"] == "deletedFile":
                del files[line["value"]["path"]]
        self.server.commits.append((repo_id, lines[0]["value"]["summary"], sorted(files)))
        revision = self.server.revision(repo_id)
        self._send_json({"commitUrl": f"{self.server.endpoint}/{repo_id}/commit/{revision}", "commitOid": revision})

    def _answer_info(self, repo_id: str) -> None:
        if repo_id not in self.server.repositories:
            self._send_json({"error": "Repository not found"}, status=404, headers={"X-Error-Code": "RepoNotFound"})
            return
        self._send_json({"id": repo_id, "sha": self.server.revision(repo_id), "siblings": []})

    def _answer_file(self) -> None:
        found = re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/[^/]+/(.+)", unquote(urlsplit(self.path).path))
        content = self.server.repositories.get(found[1], {}).get(found[2]) if found else None
        if found is None or content is None:
            self._send_json({"error": "Entry not found"}, status=404, headers={"X-Error-Code": "EntryNotFound"})
            return
        revision, tag = self.server.revision(found[1]), hashlib.sha1(content).hexdigest()
        self._send(content, headers={"X-Repo-Commit": revision, "ETag": f'"{tag}"'})

    def _send_json(self, value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status=status, headers=headers)

    def _send(self, content: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
