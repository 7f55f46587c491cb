"""`--report`, `--plots` and `--trace`: whole files, equal to `--json`, or one line and nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from npusim.report.machine_charts import CHARTS
from tests.analysis.test_machine_data import Marks
from tests.cli.conftest import Finished, npusim
from tests.conftest import DIGITS
from tests.report.test_trace import require_chrome_trace

__all__ = ["npusim"]

Npusim = Callable[..., Finished]
MODEL = DIGITS / "digits_int8.onnx"
RUN = ("run", MODEL, "--engine", "machine", "--machine", "nano")
ESTIMATE = ("estimate", MODEL, "--machine", "nano")


@pytest.mark.parametrize("command", [RUN, ESTIMATE], ids=["run", "estimate"])
def test_files_agree_with_each_other(
    npusim: Npusim, tmp_path: Path, command: tuple[object, ...]
) -> None:
    names = ("run.html", "run.json", "trace.json", "trace.json.gz", "plots")
    page, results, trace, packed, plots = (tmp_path / name for name in names)
    done = npusim(*command, "--report", page, "--json", results, "--trace", trace, "--plots", plots)
    assert done.code == 0, done.err
    known = json.loads(results.read_text())
    data = Marks(page.read_text()).embedded["report-data"]
    assert data["results"] == known
    conformance = data["conformance"]
    if command is RUN:
        assert (conformance["compared_values"], conformance["differing_values"]) == (10, 0)
    else:
        assert "executes no data" in conformance["reason"]
    require_chrome_trace(json.loads(trace.read_text()), known["cycles"], known["cycles"])
    drawn = {*CHARTS} - (set() if "energy_pj" in known else {"energy"})
    assert {path.name for path in plots.iterdir()} == {f"{name}.svg" for name in drawn}
    done = npusim(*command, "--trace", packed)
    assert done.code == 0, done.err
    assert gzip.decompress(packed.read_bytes()) == trace.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == set(names)


MISTAKES: dict[str, tuple[tuple[object, ...], Callable[[Path], list[object]], str]] = {
    "the kernels have no cycles": (
        ("run", MODEL),
        lambda d: ["--report", d / "run.html"],
        "expected --engine machine",
    ),
    "another format": (
        RUN,
        lambda d: ["--report", d / "run.pdf"],
        "expected a name ending in .html",
    ),
    "no trace": (
        ESTIMATE,
        lambda d: ["--trace", d / "run.trace"],
        "expected a name ending in .json",
    ),
    "no directory": (RUN, lambda d: ["--report", d / "none" / "run.html"], "no directory"),
    "no directory for pictures": (ESTIMATE, lambda d: ["--plots", d / "a" / "b"], "no directory"),
    "a file in the place of pictures": (ESTIMATE, lambda d: ["--plots", MODEL], "found a file"),
    "a directory in the place of a file": (RUN, lambda d: ["--trace", sub(d)], "found a directory"),
}


def sub(folder: Path) -> Path:
    (folder / "trace.json").mkdir()
    return folder / "trace.json"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda name: name.replace(" ", "-"))
def test_a_mistake_is_one_line_and_leaves_nothing(
    npusim: Npusim, tmp_path: Path, mistake: str
) -> None:
    command, options, expected = MISTAKES[mistake]
    given = options(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = npusim(*command, *given, "--json", tmp_path / "run.json")
    assert done.code == 2
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("npusim: ")
    assert expected in line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_write_leaves_the_old_file(
    npusim: Npusim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from npusim.report import trace

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "trace.json"
    path.write_text("old")
    monkeypatch.setattr(trace, "_occupancy", fail)
    done = npusim(*ESTIMATE, "--trace", path)
    assert done.code == 2
    assert "No space left" in done.err
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["trace.json"]
