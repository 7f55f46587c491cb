"""Which register tile this processor runs: AMX or VNNI where it has them and computes them right.

NPUSIM_SIMD overrides the choice, so that every form can be tested on one machine:

    plain     the witness (linear_plain.py)
    blocked   register tiles of int16 products; runs on every processor
    vnni256   register tiles of vpdpbusd on 256 bits
    vnni512   register tiles of vpdpbusd on 512 bits
    vnni      the widest vpdpbusd this processor has
    amx       tiles of tdpbusd where many pixels meet many taps, vnni512 elsewhere
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from numba.core.registry import cpu_target

from npusim.errors import UnsupportedError
from npusim.graph.attributes import Window
from npusim.kernels.entry import call
from npusim.kernels.gemm import GemmLayer
from npusim.kernels.gemm_amx import FEATURES, is_permitted
from npusim.runtimes.requantization import Requantization


def processor_features() -> frozenset[str]:
    """Return the instruction sets numba compiles for (NUMBA_CPU_FEATURES may hide some)."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return frozenset(name[1:] for name in features.split(",") if name.startswith("+"))


def available_forms() -> tuple[str, ...]:
    """Return the forms this processor can run, from the plainest to the fastest."""
    features = processor_features()
    forms = ["plain", "blocked"]
    avx512 = {"avx512vnni", "avx512bw", "avx512vl"} <= features
    if avx512 or "avxvnni" in features:
        forms.append("vnni256")
    if avx512:
        forms.append("vnni512")
        if features >= FEATURES and is_permitted():
            forms.append("amx")
    return tuple(forms)


def computes_exactly(form: str) -> bool:
    """Return whether `form` gives exact sums at the ends of the operands' ranges.

    The bias takes the expected sum away, so an output other than 0 is a wrong sum; with one and
    with seven pixels, 240 columns and 67 taps, every tile of the form takes part.
    """
    taps, columns = 67, 240
    weights = np.full((columns, taps), -128)
    weights[1::4] = 127
    weights[2::4, ::2] = 127
    weights[3::4] = np.arange(taps) % 256 - 128
    planes = weights.astype(np.int16).reshape(1, columns, 1, 1, taps)
    ramp = np.arange(taps) * 37 % 256
    for row in (np.full(taps, 255), np.zeros(taps, int), ramp, 255 * (np.arange(taps) % 2)):
        expected = (weights * (row - 255)).sum(axis=1)
        one = np.ones((1, columns), np.int64)
        rule = Requantization(one, -expected, one[0] * 0, "floor", 0, -128, 127)
        layer = GemmLayer(form, planes, Window((1, 1)), 1, 255, rule, False)
        for pixels in (1, 3, 7, 37):
            x = np.tile(row.astype(np.uint8), pixels)
            y = np.ones(pixels * columns, np.uint8)
            geometry, *_addressed = layer.geometry(1, 1, pixels)
            call(layer.entry.address, x, y, geometry, 0, 1)
            if y.any():
                return False
    return True


@cache
def chosen_form() -> str:
    """Return the form to run: NPUSIM_SIMD's, or the fastest that computes exactly here.

    Raises
    ------
    UnsupportedError
        NPUSIM_SIMD names no form, or one that this processor lacks or computes wrong.
    """
    name, available = os.environ.get("NPUSIM_SIMD"), available_forms()
    if not name:
        return next(f for f in reversed(available) if f == "plain" or computes_exactly(f))
    form = name
    if name == "vnni" and "vnni256" in available:
        form = next(f for f in reversed(available) if f.startswith("vnni"))
    if form not in available or (form != "plain" and not computes_exactly(form)):
        raise UnsupportedError(
            f"NPUSIM_SIMD: expected one of {', '.join(available)} on this processor, found {name}"
        )
    return form
