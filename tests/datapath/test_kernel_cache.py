"""A compiled kernel is kept for the sources it was made of; a damaged file costs a compilation."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from npusim.datapath import kernel_cache

RUN = """
import ast
import numpy as np
from npusim import cache
from npusim.kernels.gather import gather
cache.on_compile.append(lambda name: print("compiled", name))
y = np.zeros(6, np.int8)
gather(np.arange(8, dtype=np.int8), np.array([3, 0, -1]), 4, np.int8(9), y)
print(y.tolist())
"""
COMPILED, RIGHT = "compiled gather.gather\n", "[3, 0, 9, 7, 4, 9]\n"


def run_gather(cache: Path, temporary: Path) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**os.environ, "NPUSIM_CACHE_DIR": str(cache), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_a_kernel_is_compiled_once_and_again_where_its_file_is_damaged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run_gather(cache, tmp_path) == (COMPILED + RIGHT, "")
    assert run_gather(cache, tmp_path) == (RIGHT, "")
    (file,) = (path for path in cache.rglob("gather.gather-*"))
    whole = file.read_bytes()
    for damaged in (b"", whole[:-100], whole[:40] + b"\x80" + whole[41:]):
        file.write_bytes(damaged)
        out, told = run_gather(cache, tmp_path)
        assert out == COMPILED + RIGHT
        assert f"{file} is damaged" in told
        assert file.read_bytes() != damaged


def test_a_cache_that_cannot_be_written_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out, told = run_gather(tmp_path / "file" / "cache", tmp_path)
    assert out == COMPILED + RIGHT
    assert "cannot be written, the cache is" in told
    assert len(told.splitlines()) == 1


def test_a_full_disk_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path))

    def full(**named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel_cache.tempfile, "mkstemp", full)

    def add_one(x):  # type: ignore[no-untyped-def]
        return x + 1

    assert kernel_cache.compiled(add_one)(41) == 42
    assert "No space left on device; compiled kernels are not kept" in capsys.readouterr().err


def test_an_edit_of_an_imported_module_changes_the_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "npusim"
    (package / "datapath").mkdir(parents=True)
    kernel, scalar, other = (package / "datapath" / name for name in ("a.py", "b.py", "c.py"))
    kernel.write_text("from npusim.datapath import b\n")
    scalar.write_text("import numpy\n\ndef f():\n    import npusim.datapath.c\n")
    other.write_text("")
    monkeypatch.setattr(kernel_cache, "PACKAGE", package)

    def stamp() -> str:
        kernel_cache._imports.cache_clear()
        kernel_cache.sources_stamp.cache_clear()
        return kernel_cache.sources_stamp(kernel)

    first = stamp()
    other.write_text("x = 1\n")
    assert stamp() == first
    scalar.write_text("y = 1\n")
    assert stamp() != first


def test_imports_are_found_as_python_parses_them() -> None:
    for path in kernel_cache.PACKAGE.rglob("*.py"):
        names = []
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
        modules = (Path(kernel_cache.PACKAGE.parent, *name.split(".")) for name in names)
        expected = {file for module in modules if (file := module.with_suffix(".py")).is_file()}
        assert set(kernel_cache._imports(path)) == expected, path
