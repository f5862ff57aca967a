"""``python -m pipeline serve``: serve the desk on a local address."""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from pathlib import Path

from flask import Flask
from waitress.server import TcpWSGIServer, create_server

from pipeline.commands.progress import print_line, print_warning
from pipeline.commands.session import open_pipeline
from pipeline.config import PipelineConfig
from pipeline.errors import SettingError
from pipeline.serve.app import create_app
from pipeline.serve.jobs import JobQueue
from pipeline.serve.library import Desk
from pipeline.serve.security import is_loopback

_THREADS = 4


def serve(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Serve until the user interrupts; return 0."""
    _check(arguments)
    host, jobs = _address(arguments.host), JobQueue()
    with open_pipeline(arguments, config) as pipeline:
        desk = Desk(
            pipeline.fork(on_progress=jobs.advance), Path(arguments.novels_dir), Path(arguments.out_dir) / "desk"
        )
        app = create_app(desk, jobs, host=host, max_upload_mb=arguments.max_upload_mb)
        server = _listen(app, host, arguments.port)
        if not is_loopback(host):
            print_warning("note: everyone who can reach this machine can read the novels and reports, and add others")
        print_line(f"the desk is at http://{_shown(server)}/ (Ctrl-C stops it)")
        server.run()  # returns when the user interrupts
        print_line("stopped; a reading in progress will resume where it was last saved")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.max_upload_mb <= 1000:
        raise SettingError(f"max_upload_mb is {arguments.max_upload_mb}; it must lie between 1 and 1000")
    if not 0 <= arguments.port <= 65535:
        raise SettingError(f"port is {arguments.port}; it must lie between 1 and 65535, or be 0 for any free one")


def _listen(app: Flask, host: str, port: int) -> TcpWSGIServer:
    """Return a server that is bound to its address, so that a page can be opened as soon as it is printed."""
    try:
        server = create_server(app, host=host, port=port, threads=_THREADS, ident=None)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{host} port {port} cannot be listened on ({error}); choose another --host or --port (0: any free one)"
        ) from error
    assert isinstance(server, TcpWSGIServer), "a numeric address is one socket"
    return server


def _address(host: str) -> str:
    """Return a numeric address, which is one socket; raises SettingError for a name."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError as error:
        raise SettingError(f"host is {host!r}; expected localhost or a numeric address such as 127.0.0.1") from error


def _shown(server: TcpWSGIServer) -> str:
    """Return the address for a browser, with the port that was chosen if any was free to choose."""
    assert server.socket is not None, "the server listens"
    host, port, *_ = server.socket.getsockname()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # every address of this machine: none to open
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
