"""The linear layers: every form equals the plain loops, and those equal numpy sums in int64."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from npusim.errors import RangeError, ShapeError
from npusim.graph.attributes import Window
from npusim.kernels.linear import LinearKernel
from npusim.kernels.vnni import available_forms, chosen_form, computes_exactly
from npusim.runtimes.requantization import FloatRequantization, Requantization
from tests.simulator.linear_cases import (
    layers,
    reference_output,
    reference_sums,
    wrap,
)

FORMS = available_forms()
FAST = [form for form in FORMS if form != "plain"]
BOUNDS_CHECK = os.environ.get("NUMBA_BOUNDSCHECK") == "1"
EXAMPLES = 25 if BOUNDS_CHECK else 120


def identity(sums: np.ndarray) -> Requantization:
    """Return the rule that gives 0 exactly where the sum of a channel is `sums`."""
    one = np.ones((1, len(sums)), np.int64)
    return Requantization(one, -sums, one[0] * 0, "floor", 0, -128, 127)


@given(layers())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_plain_equals_numpy(case: dict[str, Any]) -> None:
    kernel = LinearKernel(*case["arguments"], form="plain")
    planes, window, groups, zero, rule = case["arguments"][:5]
    sums = wrap(reference_sums(case["x"], planes, window, groups, zero))
    np.testing.assert_array_equal(kernel.accumulators(case["x"]), sums)
    np.testing.assert_array_equal(kernel(case["x"]), reference_output(sums, rule))


@pytest.mark.parametrize("form", FAST)
@given(layers())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_every_form_equals_plain(form: str, case: dict[str, Any]) -> None:
    kernel = LinearKernel(*case["arguments"], form=form)
    expected = kernel.plain(case["x"])
    np.testing.assert_array_equal(kernel(case["x"]), expected)
    np.testing.assert_array_equal(kernel(case["x"], threads=3), expected)
    samples = [kernel(case["x"][n : n + 1])[0] for n in range(len(case["x"]))]
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("columns", [1, 17, 100, 250, 256, 650])
def test_one_pixel_meets_tiles_of_every_width(form: str, columns: int) -> None:
    rng = np.random.default_rng(columns)
    for taps, terms in ((3, 1), (130, 1), (64, 2)):
        planes = rng.integers(-128, 128, (terms, columns, 1, 1, taps)).astype(np.int16)
        multipliers = rng.integers(1 << 29, 1 << 30, (terms, columns))
        shift = np.full(columns, 43)
        rule = Requantization(multipliers, shift * 0, shift, "tflite", 5, -128, 127)
        kernel = LinearKernel(planes, Window((1, 1)), 1, 7, rule, "int8", "int8", form)
        for pixels in (1, 2):
            x = rng.integers(-128, 128, (1, 1, pixels, taps)).astype(np.int8)
            np.testing.assert_array_equal(kernel(x), kernel.plain(x))


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("groups", [1, 3, 40])
def test_several_chunks(form: str, groups: int) -> None:
    """Images larger than a chunk, and batches of images smaller than one, at odd cuts."""
    rng = np.random.default_rng(5)
    planes = rng.integers(-128, 128, (1, 120, 3, 2, 120 // groups if groups < 40 else 1))
    channels = planes.shape[4] * groups
    window = Window((3, 2), (1, 2), (1, 1), (0, 1, 1, 0))
    ones = np.ones(120, np.int64)
    rule = Requantization(ones[None] << 30, ones * 0, ones * 42, "tflite", 5, -128, 127)
    kernel = LinearKernel(planes.astype(np.int16), window, groups, 7, rule, "int8", "int8", form)
    for shape in ((1, 40, 37), (2, 23, 61), (31, 5, 7), (1, 3, 1)):
        x = rng.integers(-128, 128, (*shape, channels)).astype(np.int8)
        expected = kernel.plain(x)
        for threads in (1, 2, 7):
            np.testing.assert_array_equal(kernel(x, threads), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("x_value", "zero"), [(255, 0), (0, 255), (255, 255)])
@pytest.mark.parametrize("weight", [-511, -128, 127, 511])
def test_sums_wrap_at_32_bits(form: str, x_value: int, zero: int, weight: int) -> None:
    taps, columns = 17_001, 5  # 17001 * 255 * 511 passes 2^31
    planes = np.full((1, columns, 1, 1, taps), weight, np.int16)
    sums = wrap(np.full(columns, taps * weight * (x_value - zero)))
    x = np.full((2, 1, 1, taps), x_value, np.uint8)
    arguments = (planes, Window((1, 1)), 1, zero, identity(sums), "uint8", "int8", form)
    assert not LinearKernel(*arguments)(x).any()
    other = identity(sums + 1)
    assert (LinearKernel(*arguments[:4], other, *arguments[5:])(x) == -1).all()


@pytest.mark.parametrize("form", FORMS)
def test_bias_of_floating_point_rules_wraps(form: str) -> None:
    planes = np.full((1, 2, 1, 1, 4), 127, np.int16)
    bias = np.array([(1 << 31) - 1, -(1 << 31)])
    x = np.full((1, 1, 1, 4), 127, np.int8)
    for kind in ("fp32", "double_away"):
        rule = FloatRequantization(kind, np.full(2, 2.0**-24), bias, 0, -128, 127)
        kernel = LinearKernel(planes, Window((1, 1)), 1, 0, rule, "int8", "int8", form)
        np.testing.assert_array_equal(kernel(x).ravel(), [-128, -128])


@pytest.mark.parametrize("form", FAST)
def test_self_test_passes_and_notices_saturation(form: str, monkeypatch: Any) -> None:
    from npusim.kernels import vnni

    assert computes_exactly(form)
    monkeypatch.setattr(vnni, "call", lambda entry, x, y, g, first, last: y.fill(1))
    assert not computes_exactly(form)


def test_the_fastest_form_is_chosen() -> None:
    expected = os.environ.get("NPUSIM_SIMD") or FORMS[-1]
    assert chosen_form().startswith(expected)


def test_bad_layers_are_refused() -> None:
    planes = np.zeros((1, 4, 1, 1, 3), np.int16)
    rule = identity(np.zeros(4, np.int64))
    good = (planes, Window((1, 1)), 1, 0, rule, "int8", "int8")
    x = np.zeros((1, 1, 1, 3), np.int8)
    for bad, error in (
        ((planes + 512, *good[1:]), RangeError),
        ((planes, Window((1, 2)), *good[2:]), ShapeError),
        ((planes, Window((1, 1)), 3, *good[3:]), ShapeError),
        ((*good[:3], 128, *good[4:]), RangeError),
    ):
        with pytest.raises(error):
            LinearKernel(*bad)
    for wrong in (x.view(np.uint8), x[..., :2]):
        with pytest.raises(ShapeError, match="expected"):
            LinearKernel(*good)(wrong)
    two = np.concatenate([planes, planes])
    floating = FloatRequantization("fp32", np.ones(4), np.zeros(4), 0, -128, 127)
    with pytest.raises(RangeError, match="expected one plane"):
        LinearKernel(two, *good[1:4], floating, *good[5:])


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("form", [*FORMS, "vnni"])
def test_the_environment_selects_the_form(form: str) -> None:
    if form == "vnni" and "vnni256" not in FORMS:
        pytest.skip("this processor has no VNNI")
    code = "from npusim.kernels.vnni import chosen_form; print(chosen_form())"
    assert run_python(code, NPUSIM_SIMD=form).stdout.strip().startswith(form)
    failed = run_python(code, NPUSIM_SIMD="nonsense")
    assert "NPUSIM_SIMD: expected one of plain, blocked" in failed.stderr


@pytest.mark.skipif(BOUNDS_CHECK, reason="this is the run with bounds checks")
def test_no_index_leaves_its_array(tmp_path: Path) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__),
            *("-k", "plain and (blocked or numpy) or chunks and blocked"),
        ],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NPUSIM_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 passed" in result.stdout
