"""A stranger's module: the wrong one fails with what its designer needs, the mended passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
EXAMPLE = EXAMPLES / "stranger"
GALLERY = EXAMPLES / "gallery" / "test_gallery.py"

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("icarus")]


def run_pytest(name: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / name)]
    return subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_mended_module_passes(tmp_path):
    done = run_pytest("test_my_requantizer.py", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_wrong_module_fails_with_the_message_a_designer_needs(tmp_path):
    done = run_pytest("test_my_requantizer.py", tmp_path, RTL="my_requantizer_wrong.v")
    assert done.returncode == 1
    report = done.stdout
    for text in (
        "my_requantizer (MAX_TERMS=1) differs from the contract of requantize",
        "inputs     acc = [",
        "0.500000 (unrounded, unclamped)",
        "all faults the exact value is a tie",
        "all faults y found - expected is -1",
        "seed 1: NPUSIM_SEED=1 NPUSIM_WAVES=1 pytest",
    ):
        assert text in report
    expected = re.search(r"expected +y = (-?\d+)", report)
    found = re.search(r"found +y = (-?\d+)", report)
    assert expected is not None
    assert found is not None
    assert int(found[1]) == int(expected[1]) - 1


def test_the_document_shows_the_report_that_one_gets(tmp_path):
    """docs/cosim.md, line by line; what it cuts ends in dots."""
    done = run_pytest("test_my_requantizer.py", tmp_path, RTL="my_requantizer_wrong.v")
    where = re.compile(r"pytest \S*(?=test_my_requantizer.py)")
    printed = [where.sub("pytest ", line) for line in done.stdout.splitlines()]
    page = (EXAMPLES.parent / "cosim.md").read_text()
    (shown,) = re.findall(r"```text\n(my_requantizer \(.*?)```", page, re.DOTALL)
    assert len(shown.splitlines()) == 9
    for line in shown.splitlines():
        start = line.strip().removesuffix("...")
        assert any(start in found for found in printed), line


def test_the_flag_in_the_message_writes_waves(tmp_path):
    done = run_pytest(
        "test_my_requantizer.py", tmp_path, RTL="my_requantizer_wrong.v", NPUSIM_WAVES="1"
    )
    assert done.returncode == 1
    assert (tmp_path / "my_requantizer.fst").stat().st_size > 1000


def test_a_combinational_module_with_its_own_contract_passes(tmp_path):
    done = run_pytest("test_my_mac.py", tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_example_is_as_short_as_the_documents_say():
    text = (EXAMPLE / "test_my_requantizer.py").read_text()
    code = [line for line in text.splitlines() if line.strip() and '"""' not in line]
    assert len(code) < 25


def checks(done: subprocess.CompletedProcess[str], verdict: str) -> set[str]:
    """Return the checks of a run with -rA that ended so."""
    return set(re.findall(rf"^{verdict} .*\[(.+)\]", done.stdout, re.MULTILINE))


@pytest.mark.usefixtures("verilator")
def test_the_gallery_passes_check_by_check(tmp_path):
    done = run_pytest(str(GALLERY), tmp_path, PYTEST_ADDOPTS="-rA")
    assert done.returncode == 0, done.stdout
    passed = checks(done, "PASSED")
    assert {"requantize-ports", "requantize-half_up, tie", "requantize-half_even, tie",
            "requantize-resets", "requantize-clamps at high", "requantize-stalls",
            "mac_uniform-weight = -128", "mac_uniform-ports"} <= passed  # fmt: skip
    assert "requantize-uint8 above 127" in passed


def test_a_wrong_saturation_fails_where_it_saturates(tmp_path):
    """The false agreement that was once found: 128 for 127, in a module of fixed values."""
    options = "-rA -k test_shift_requantizer"
    done = run_pytest(str(GALLERY), tmp_path, PYTEST_ADDOPTS=options, HIGH="128")
    assert done.returncode == 1
    failed, passed = checks(done, "FAILED"), checks(done, "PASSED")
    assert "requantize-clamps at high" in failed
    assert {"requantize-ports", "requantize-clamps at low", "requantize-inside"} <= passed
    assert "expected   y = 127" in done.stdout
    assert "found      y = -128" in done.stdout
    assert re.search(
        r"pytest '\S*test_shift_requantizer\[requantize-clamps at high\]'", done.stdout
    )
