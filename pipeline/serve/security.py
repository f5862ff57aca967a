"""Requests are accepted from the server's own pages only; other sites in the browser cannot reach the desk.

Another site could send forms (cross-site requests) or let its own name point to this machine (DNS rebinding): the first
is rejected by the origin of the form, the second by the name of the host.
"""

from __future__ import annotations

from ipaddress import ip_address

from flask import Flask, Response, abort, request

_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach a numeric address."""
    return ip_address(host).is_loopback


def guard(app: Flask, *, host: str) -> None:
    """Make ``app`` accept requests for ``host`` only, and forms from its own pages only."""
    if host not in {"0.0.0.0", "::"}:  # for these, every name of the machine is valid
        app.config["TRUSTED_HOSTS"] = [*_OWN_NAMES, f"[{host}]" if ":" in host else host]
    app.before_request(_refuse_foreign_forms)
    app.after_request(_add_headers)


def _refuse_foreign_forms() -> None:
    if request.method in _SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    own = site == "same-origin" if site else request.headers.get("Origin") in {None, request.host_url.rstrip("/")}
    if not own:
        abort(403, "this form comes from another site; open the page of this server and send it from there")


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    # A report has its own policy, with the hash of its style.
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    return response
