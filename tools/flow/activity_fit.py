"""A column's energy as a function of operand activity: features of the recorded words, and the fit.

The features are those of npusim/simulator/activity.py, counted by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.codes import REGIONS
from npusim.datapath.pe_column import product_bits, products
from npusim.simulator.activity import FEATURES, booth_digits
from npusim.simulator.execute.activity_calls import REGISTERS, array_activity
from npusim.simulator.execute.activity_word import padded_columns
from npusim.simulator.timing.durations import datapath_parameters
from tools.flow.energy_rows import Measured, fit
from tools.flow.traffic import RECORDED_LANE, Build, Traffic

PORT = f"ex.array.lane[{RECORDED_LANE}].unit.pe_column"


def window_features(build: Build, traffic: Traffic) -> dict[str, float]:
    """Return the sums of the features over a recorded window of npu_pe_column."""
    recording, size, machine = traffic.recording, build.size, build.machine
    weights_in, operands = (recording.numbers(f"{PORT}.{port}") for port in ("weight_i", "xe_i"))
    form = recording.numbers(f"{PORT}.format_i")
    enabled = recording.numbers(f"{PORT}.en_i")
    weight_bits = len(recording.values[f"{PORT}.weight_i"][0]) // size
    bits = product_bits(datapath_parameters(machine))
    features = np.zeros(len(FEATURES), np.int64)
    columns = padded_columns(1)
    pe_registers = np.zeros((size, REGISTERS, columns), np.int32)
    sum_registers = np.zeros((REGIONS, columns), np.int32)
    weights = np.zeros((size, REGIONS + 1, columns), np.int16)
    now = np.zeros((size, columns), np.int32)
    for cycle, (weight, xe) in enumerate(zip(weights_in, operands, strict=True)):
        if cycle == 1:
            features[:] = 0  # the registers hold what was before
        if not enabled[cycle]:
            continue
        for row in range(size):
            planes = products(_part(weight, row, weight_bits), 1, form[cycle],
                              build.uniform_bits, build.pwlq_bits)  # fmt: skip
            weights[row, :, 0] = *planes, booth_digits(planes[0] + planes[1])
            now[row, 0] = _signed(_part(xe, row, 9), 9)
        array_activity(
            now, weights, bits, bits + size.bit_length() - 1, pe_registers, sum_registers, features
        )
    return dict(zip(FEATURES, map(float, features), strict=True))


def _part(value: int, place: int, bits: int) -> int:
    return value >> (place * bits) & ((1 << bits) - 1)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def fit_activity(
    build: Build,
    traffic: Sequence[Traffic],
    idle: Measured,
    windows: Sequence[Measured],
) -> dict[str, dict[str, float]]:
    """Return pJ for each feature, by weight format, on top of idle cycles and of all clocks."""
    idle_pj = float(np.median(idle.data_pj))
    found = {}
    for form in build.formats:
        rows, target = [], []
        for part, window in zip(traffic, windows, strict=True):
            if part.format == form and part.kind == "MAC":
                rows.append(window_features(build, part))
                target.append(float(window.data_pj.sum()) - idle_pj * len(window.data_pj))
        if rows:
            energies = fit(rows, target)
            found[form] = {name: float(f"{energies.get(name, 0.0):.4g}") for name in FEATURES}
            model = [sum(energies.get(k, 0) * v for k, v in row.items()) for row in rows]
            error = np.array(model) / np.array(target) - 1
            print(f"    activity, {form}: windows off by {np.abs(error).mean():.1%} in the mean")
    return found
