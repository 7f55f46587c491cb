"""Run the command line in this process, as a user would start it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from npusim.cli.app import main


class Finished(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def npusim(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["npusim", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main()
        out, err = capsys.readouterr()
        return Finished(int(exit_info.value.code or 0), out, err)

    return run
