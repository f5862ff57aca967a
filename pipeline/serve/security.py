"""Who may ask: pages of this very server, on the machine itself. No other site in the browser can reach the desk.

A site elsewhere could send forms here (cross-site requests) or let its own name point to this machine (DNS rebinding):
the first is refused by where a form comes from, the second by the name that was asked for.
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
    """Say whether a numeric address is reached from this machine alone."""
    return ip_address(host).is_loopback


def guard(app: Flask, *, host: str) -> None:
    """Let ``app`` answer only what was asked of ``host``, and take forms only from its own pages."""
    if host not in {"0.0.0.0", "::"}:  # of these every name of the machine is a right one
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
    # A report brings a policy of its own, by the hash of its style.
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    return response
