"""``python .ci/audit.py PIP_AUDIT``: known vulnerabilities of everything installed beside this Python.

Exit status 1 where one is known. Where nothing could be asked (no tool, no network, a mirror that knows nothing of
vulnerabilities) a line says so and the status is 0: an audit that did not take place is neither good nor bad.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

OWN = "bdh-narrative"
PATIENCE = 120
SHOWN = 5


def installed() -> list[str]:
    """Return what is installed as exact requirements; the build of a version (``+cpu``) is known to no database."""
    found = {item.name.lower(): item.version.partition("+")[0] for item in distributions() if item.name}
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name != OWN]


def ask(tool: str, requirements: list[str]) -> tuple[list[dict[str, object]], str]:
    """Return what pip-audit says of each requirement, or nothing and why it said nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "installed.txt"
        path.write_text("\n".join(requirements), encoding="utf-8")
        command = [tool, "-r", str(path), "--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except FileNotFoundError:
            return [], f"{tool} is not installed"
        except subprocess.TimeoutExpired:
            return [], f"no answer in {PATIENCE} seconds"
    if not done.stdout.strip():
        return [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
    found: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    return found, ""


def main(tool: str) -> int:
    """Audit, say what was found, and return 1 where a vulnerability is known."""
    found, reason = ask(tool, installed())
    audited = [item for item in found if "skip_reason" not in item]
    if not audited:
        print(f"pip-audit: NOTHING AUDITED, {reason or 'the service knows none of what is installed'}")
        return 0
    bad = [item for item in audited if item["vulns"]]
    for item in bad:
        known = ", ".join(f"{each['id']} (mended in {each['fix_versions']})" for each in item["vulns"])  # type: ignore[attr-defined]
        print(f"pip-audit: {item['name']} {item['version']}: {known}")
    skipped = [str(item["name"]) for item in found if "skip_reason" in item]
    left = f"; not audited: {', '.join(skipped[:SHOWN])}{' ...' if len(skipped) > SHOWN else ''}" if skipped else ""
    print(f"pip-audit: {len(bad)} of {len(audited)} installed packages have known vulnerabilities{left}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
