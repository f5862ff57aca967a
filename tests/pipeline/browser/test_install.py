"""The set-up of the browser tests never fails: it finds a browser, installs one, or says that there is none."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.pipeline.browser import install

Asked = list[list[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The commands that were run, each without success, on a machine without a browser."""
    commands: Asked = []

    def refuse(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(install, "find_browser", lambda: None)
    monkeypatch.setattr(install.subprocess, "run", refuse)
    return commands


def test_machine_that_can_install_none_is_told_so(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    install.main()
    assert asked and asked[-1][-2:] == ["--only-shell", "chromium"]
    assert capsys.readouterr().out.splitlines()[-1].endswith("no Chromium could be installed; they will be skipped")


def test_only_root_asks_the_package_manager(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000, raising=False)
    install.main()
    assert not any(command[0] == "apt-get" for command in asked)


def test_browser_that_is_there_is_used_and_nothing_installed(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "find_browser", lambda: "/usr/bin/chromium")
    install.main()
    assert asked == [] and capsys.readouterr().out == "browser tests: /usr/bin/chromium\n"


def test_attempt_that_takes_too_long_is_given_up(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **more: Any) -> None:
        raise subprocess.TimeoutExpired(command, more["timeout"])

    monkeypatch.setattr(install.subprocess, "run", hang)
    install.main()
