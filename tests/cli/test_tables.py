"""Tables of the commands: beside each other, changed, as CSV; what a network and a computer are."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Finished
from tests.conftest import DIGITS

MODEL = DIGITS / "digits_int8.onnx"
FLOAT = DIGITS / "digits_float.onnx"
Npusim = Callable[..., Finished]


def test_an_estimate_of_a_float_network_says_what_it_assumes_in_every_form(
    npusim: Npusim, tmp_path: Path
) -> None:
    page, results = tmp_path / "page.html", tmp_path / "r.json"
    npusim("estimate", FLOAT, "--report", page, "--json", results)
    assumed = "ASSUMED: uniform int8 everywhere"
    assert json.loads(results.read_text())["assumption"].startswith(assumed)
    assert assumed in page.read_text().split("<h2>")[0]


def test_an_estimate_of_a_float_network_says_at_the_total_what_it_assumes(npusim: Npusim) -> None:
    (total,) = (line for line in npusim("estimate", FLOAT).out.splitlines() if " on base: " in line)
    assert "ASSUMED: uniform int8 everywhere" in total
    assert "ASSUMED" not in npusim("estimate", MODEL).out
    both = npusim("estimate", FLOAT, "--machine", "base", "--machine", "nano").out
    assert both.splitlines()[-1] == (
        "digits_float: ASSUMED: uniform int8 everywhere, as the file's weights are float"
    )


def test_layers_inside_others_are_in_the_table_and_the_json(npusim: Npusim, tmp_path: Path) -> None:
    done = npusim("estimate", FLOAT, "--json", tmp_path / "r.json")
    rows = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert "in pointwise" in rows["residual_relu"]
    assert "nothing to do" in rows["flatten"]
    found = json.loads((tmp_path / "r.json").read_text())
    names = {row["name"] for row in (*found["layers"], *found["absorbed"], *found["host_layers"])}
    import npusim as package

    assert names == {node.name for node in package.load(FLOAT).nodes}


def test_what_the_host_computes_alone_never_takes_0_cycles(
    npusim: Npusim, shared: Path, tmp_path: Path
) -> None:
    model = shared / "corpus" / "operators" / "seanet_add0.tflite"
    both = ("--machine", "base", "--machine", "nano")
    for command in (("estimate",), ("estimate", *both), ("explain-cycles",)):
        done = npusim(command[0], model, *command[1:])
        assert done.code == 0, done.err
        assert "5,320" in done.out
        assert not re.search(r"(?<![\d,])0 cycles|^cycles +0|\b0\.000 uJ", done.out, re.MULTILINE)
    npusim("explain-cycles", model, "--json", tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text())
    assert sum(row["cycles"] for row in found["host_layers"]) == found["host_cycles"] == 5320
    npusim("estimate", model, "--csv", tmp_path / "r.csv")
    with (tmp_path / "r.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["name"], row["host_cycles"], row.get("cycles", "")) == ("add_0", "5320", "")
    npusim("estimate", model, "--trace", tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert [event["dur"] for event in events if event["ph"] == "X"] == [5320]


def test_machines_beside_each_other_and_changed(npusim: Npusim, tmp_path: Path) -> None:
    both = ("--machine", "base", "--machine", "nano", "--set", "memory.latency_cycles=7")
    done = npusim("estimate", MODEL, *both, "--json", tmp_path / "r.json",
                  "--csv", tmp_path / "r.csv")  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "r.json").read_text())["estimates"]
    assert [one["machine"] for one in found] == ["base-latency_cycles7", "nano-latency_cycles7"]
    with (tmp_path / "r.csv").open() as file:
        rows = list(csv.DictReader(file))
    for one in found:
        own = [int(row["cycles"]) for row in rows if row["machine"] == one["machine"]]
        assert sum(own) == one["cycles"]
        assert f"{one['cycles']:,}" in done.out


def test_diff_shows_what_estimates_say(npusim: Npusim, tmp_path: Path) -> None:
    cycles = []
    for name in ("base", "nano"):
        npusim("estimate", MODEL, "--machine", name, "--json", tmp_path / f"{name}.json")
        cycles.append(json.loads((tmp_path / f"{name}.json").read_text())["cycles"])
    done = npusim("diff", tmp_path / "base.json", tmp_path / "nano.json")
    row = next(line.split() for line in done.out.splitlines() if line.startswith("cycles "))
    assert row[1:] == [f"{cycles[0]:,}", f"{cycles[1]:,}", f"{cycles[1] / cycles[0]:.3f}"]
    (tmp_path / "x.json").write_text("[]")
    bad = npusim("diff", tmp_path / "x.json", tmp_path / "nano.json")
    assert (bad.code, bad.out) == (2, "")
    assert "expected what run or estimate write" in bad.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("array.size", "expected KEY=VALUE"),
        ("array.sise=4", "unknown key array.sise; known are"),
        ("array.size=5", "array.size: expected a power of two"),
        ("bus.bytes_per_second=3.1e9", "expected a multiple of clock.frequency_hz"),
    ],
)
def test_a_wrong_change_is_one_line(npusim: Npusim, change: str, message: str) -> None:
    done = npusim("estimate", MODEL, "--set", change)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_bus_by_its_bytes_a_second(npusim: Npusim, tmp_path: Path) -> None:
    cycles = []
    for change in ("bus.bus_bytes=4", "bus.bytes_per_second=2e9"):
        npusim("estimate", MODEL, "--set", change, "--json", tmp_path / "r.json")
        cycles.append(json.loads((tmp_path / "r.json").read_text())["cycles"])
    assert cycles[0] == cycles[1]


def test_inspect_says_what_runs_where(npusim: Npusim) -> None:
    out = npusim("inspect", MODEL).out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "machine" in rows["stem"]
    assert "in pointwise" in rows["residual"]
    assert "samples: int8 codes, or float32 real values, N x 8 x 8 x 1" in out
    assert "quantize takes them by --calibrate" in npusim("inspect", FLOAT).out


def test_doctor_names_what_a_report_should(npusim: Npusim) -> None:
    out = npusim("doctor").out
    for word in ("npusim ", "Python ", "numba ", "icarus: ", "verilator: ", "cache: ", "RTL: "):
        assert word in out


def test_cache_is_shown_and_cleared(
    npusim: Npusim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "a").write_bytes(b"12345")
    (tmp_path / "own").write_text("kept")
    assert "kernels: 1 files" in npusim("cache").out
    assert npusim("cache", "--clear").out.endswith("removed\n")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_wrong_command_suggests_the_right_one(npusim: Npusim) -> None:
    done = npusim("estimat", MODEL)
    assert done.code == 2
    assert done.err.endswith("found estimat; did you mean estimate?\n")


def test_what_bounds_each_layer(npusim: Npusim, tmp_path: Path) -> None:
    done = npusim("explain-cycles", MODEL, "--machine", "nano", "--json", tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text())
    rows = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    for layer in found["layers"]:
        assert f"{layer['cycles']:,}" in rows[layer["name"]]
    assert f"{found['cycles']:,} cycles" in done.out
    assert found["cycles"] == json.loads(
        npusim("estimate", MODEL, "--machine", "nano", "--json", tmp_path / "e.json")
        and (tmp_path / "e.json").read_text()
    )["cycles"]  # fmt: skip
