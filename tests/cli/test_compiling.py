"""A command says which kernels it compiles, for how long, and where they are kept."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click
import pytest

from npusim.cache import on_compile, on_compiled
from npusim.cli.app import app


@pytest.mark.parametrize(("count", "code"), [(0, 0), (1, 0), (6, 0), (6, 130)])
def test_what_is_compiled_is_said(
    count: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path))

    @click.command()
    def compiles() -> None:
        for number in range(count):
            for listener in (*on_compile, *on_compiled):
                listener(f"kernel{number}")
        if code:
            raise SystemExit(code)

    monkeypatch.setattr("npusim.cli.machines.command", compiles)
    before = [*on_compile], [*on_compiled]
    with pytest.raises(SystemExit) if code else nullcontext():
        app(["machines"], standalone_mode=False)
    assert before == (on_compile, on_compiled)
    lines = capsys.readouterr().err.splitlines()
    if not count:
        assert not lines
        return
    first, *rest = lines
    assert first.startswith("npusim: compiling kernels, once for this computer (")
    assert first.endswith("): kernel0 ...")
    if code:
        assert not rest
        return
    (last,) = rest
    named = {1: "kernel0", 6: "kernel0, kernel1, kernel2, kernel3 and 2 more"}[count]
    assert last == f"npusim: compiled {named} in 0.0 s, kept in {tmp_path / 'kernels'}"
