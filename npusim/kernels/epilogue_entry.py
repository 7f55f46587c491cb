"""A layer's epilogue as an entry: sums of some pixels to their outputs, called by its address.

Each form is compiled by itself, when a layer asks for it, and serves every kind of layer.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import entry, specialized
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import (
    LANES,
    WIDE_FORMS,
    blocks_of,
    emit_rows,
    emit_wide,
    pack_wide,
)
from npusim.kernels.epilogue_high import high_rule, pack_high, takes_high
from npusim.kernels.floating_point_vector import double_away_rule, fp32_rule
from npusim.runtimes.requantization import FloatRequantization, Requantization

DESCRIPTION_WORDS = 8


class Epilogue:
    """The entry of a layer's requantization, and its description and constants at their addresses.

    The sums of a pixel lie as [groups, terms, channels of a group padded to LANES]; the rule is
    what starting_bias has left.
    """

    def __init__(self, requantization: Requantization | FloatRequantization, groups: int) -> None:
        r = requantization
        form, self.constants = _packed(r, groups)
        self.entry = ENTRIES[form]()
        terms = 1 if isinstance(r, FloatRequantization) else len(r.multipliers)
        channels = (r.scale if isinstance(r, FloatRequantization) else r.shift).size
        self.description = np.array(
            [
                groups, terms, channels // groups, self.constants.ctypes.data,
                self.constants.shape[1], r.zero_point, r.low, r.high,
            ],
            np.int64,
        )  # fmt: skip

    @property
    def addresses(self) -> tuple[int, int]:
        """Of the entry, and of the description: good as long as this object lives."""
        return self.entry.address, self.description.ctypes.data


def _packed(r: Requantization | FloatRequantization, groups: int) -> tuple[str, NDArray[np.uint8]]:
    """Return the form that computes `r`, and its constants, a row for each block of channels."""
    if isinstance(r, FloatRequantization):
        return r.kind, blocks_of(r.scale, groups).view(np.uint8)
    return packed_integers(r, groups)


def packed_integers(r: Requantization, groups: int) -> tuple[str, NDArray[np.uint8]]:
    """Return the form of integers that computes `r`, and its constants, as `_packed`."""
    if takes_high(r):
        return pack_high(r, groups)
    form, packed = pack_wide(r, groups)
    return WIDE_FORMS[form], packed


@intrinsic(prefer_literal=True)
def requantize_block(
    typingctx, form, pixels, acc, acc_stride, plane_stride, terms, constants, zero_point, low, high,
    y, y_stride, channels,
):  # fmt: skip
    """Store `channels` <= 16 outputs of each of `pixels` rows; addresses and strides in bytes.

    Row i reads its accumulators at acc + i * acc_stride, term j of them j * plane_stride behind,
    and writes bytes at y + i * y_stride. `form` is a literal, a key of ENTRIES.
    """
    if not isinstance(form, types.Literal):
        return None
    name = form.literal_value

    def codegen(context, builder, signature, args):
        if name in WIDE_FORMS:
            emit_wide(builder, WIDE_FORMS.index(name), args[1:])
            return context.get_dummy_value()
        if name == "fp32":
            rule = fp32_rule(builder, args[1:])
        elif name == "double_away":
            rule = double_away_rule(builder, args[1:])
        else:
            rule = high_rule(builder, name, args[1:])
        emit_rows(builder, rule, args[1:])
        return context.get_dummy_value()

    return types.void(form, *([types.intp] * 12)), codegen


@specialized
def requantize_pixels(form, acc, y, description, pixels):
    """Requantize the sums of `pixels` pixels at address `acc` to bytes at address `y`."""
    d = array_at(description, DESCRIPTION_WORDS, np.int64)
    groups, terms, channels, constants, constants_stride = d[0], d[1], d[2], d[3], d[4]
    zero_point, low, high = d[5], d[6], d[7]  # read once: a store to y might change them
    padded = (channels + LANES - 1) // LANES * LANES
    acc_stride = groups * terms * padded * 4
    for g in range(groups):
        for c in range(0, channels, LANES):
            requantize_block(
                form, pixels, acc + (g * terms * padded + c) * 4, acc_stride, padded * 4, terms,
                constants + (g * padded + c) // LANES * constants_stride, zero_point, low, high,
                y + g * channels + c, groups * channels, min(LANES, channels - c),
            )  # fmt: skip
    return 1


@entry
def requantize_constant(acc, y, description, first, end):
    """Requantize `end` pixels in the wide form of one constant."""
    return requantize_pixels("constant", acc, y, description, end)


@entry
def requantize_signed(acc, y, description, first, end):
    """Requantize `end` pixels in the wide form of two constants."""
    return requantize_pixels("signed", acc, y, description, end)


@entry
def requantize_even(acc, y, description, first, end):
    """Requantize `end` pixels in the wide form of ties to even."""
    return requantize_pixels("even", acc, y, description, end)


@entry
def requantize_high_constant(acc, y, description, first, end):
    """Requantize `end` pixels in the high form of one constant."""
    return requantize_pixels("high_constant", acc, y, description, end)


@entry
def requantize_high_signed(acc, y, description, first, end):
    """Requantize `end` pixels in the high form of two constants."""
    return requantize_pixels("high_signed", acc, y, description, end)


@entry
def requantize_high_even(acc, y, description, first, end):
    """Requantize `end` pixels in the high form of ties to even."""
    return requantize_pixels("high_even", acc, y, description, end)


@entry
def requantize_biased_signed(acc, y, description, first, end):
    """Requantize `end` pixels in the biased form of two constants."""
    return requantize_pixels("biased_signed", acc, y, description, end)


@entry
def requantize_biased_even(acc, y, description, first, end):
    """Requantize `end` pixels in the biased form of ties to even."""
    return requantize_pixels("biased_even", acc, y, description, end)


@entry
def requantize_fp32(acc, y, description, first, end):
    """Requantize `end` pixels by float32 scales."""
    return requantize_pixels("fp32", acc, y, description, end)


@entry
def requantize_double_away(acc, y, description, first, end):
    """Requantize `end` pixels by float64 scales."""
    return requantize_pixels("double_away", acc, y, description, end)


ENTRIES = {
    "constant": requantize_constant,
    "signed": requantize_signed,
    "even": requantize_even,
    "high_constant": requantize_high_constant,
    "high_signed": requantize_high_signed,
    "high_even": requantize_high_even,
    "biased_signed": requantize_biased_signed,
    "biased_even": requantize_biased_even,
    "fp32": requantize_fp32,
    "double_away": requantize_double_away,
}
