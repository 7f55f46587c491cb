"""Weights of a linear layer as code planes in formats that the machine has built in.

The layer's integer planes (term j of the epilogue accumulates plane j) are written as codes again:
in the scheme's own format, or split where a format does not hold them (legacy uint8 weights less
their zero point have 9 bits: two planes with one multiplier).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.codes.weight_planes import weight_planes
from npusim.datapath.weight_decode import subset_selectors
from npusim.errors import CapacityError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.isa.spec import TERMS_MAX
from npusim.machines import Machine
from npusim.operators.kinds.linear import encoding_of
from npusim.runtimes.requantization import Requantization
from npusim.words import WEIGHT_FORMATS


@dataclass(frozen=True, eq=False)
class Plane:
    """Codes uint8 [OC KH KW IC/groups] of one format; `has_zero`: a code that is worth nothing."""

    format: str
    bits: int
    codes: NDArray[np.uint8]
    selectors: int = 0
    has_zero: bool = True

    @property
    def code_bits(self) -> int:
        """Bits of a stored code."""
        return self.bits + (self.format == "pwlq")


@dataclass(frozen=True, eq=False)
class Terms:
    """What a layer accumulates and how its accumulators end.

    `planes`: one per accumulator plane; `multipliers` [J OC]. Where pwlq's two terms come from one
    plane (`shared`), both read it; else term j reads plane j.
    """

    planes: tuple[Plane, ...]
    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    channel_shift: NDArray[np.int64]
    pwlq_bits: int = 0
    shared: bool = False

    @property
    def count(self) -> int:
        """Terms of the epilogue."""
        return len(self.multipliers)


def terms(network: Network, node: Node, machine: Machine, r: Requantization, gaps: bool) -> Terms:
    """Return the planes of `node` for `machine`, with the constants of `r`.

    `gaps`: tiles will hold weights that the layer does not have (groups), which need a zero code.

    Raises
    ------
    CapacityError
        The machine has no element for the layer's weights, or too few terms.
    """
    encoding = encoding_of(node)
    integers = weight_planes(network, node)
    shift, channel_shift = r.shift, np.zeros_like(r.shift)
    if encoding is not None:
        shift, channel_shift = encoding.shift, encoding.channel_shift
    channels = integers.shape[1]
    shift, channel_shift, bias = (
        np.broadcast_to(a, channels) for a in (shift, channel_shift, r.bias)
    )
    multipliers = np.broadcast_to(r.multipliers, (len(r.multipliers), channels))
    shared, pwlq_bits = False, 0
    if encoding is not None and encoding.scheme == "pwlq":
        _require(node, machine, "pwlq", encoding.bits)
        pwlq_bits = encoding.bits
        shared = len(integers) == 2 and bool((encoding.points == 1).all())
        if shared:
            planes = [Plane("pwlq", pwlq_bits, _bytes(encoding.codes, integers.shape[1:]))]
        else:
            planes = [
                Plane("pwlq", pwlq_bits, _pwlq_codes(p, pwlq_bits, j > 0))
                for j, p in enumerate(integers)
            ]
    elif encoding is not None and encoding.scheme == "subset":
        _require(node, machine, "subset", encoding.bits)
        planes = [
            _subset_plane(node, machine, p, encoding.bits, encoding.magnitudes) for p in integers
        ]
        if gaps:
            planes = [
                _without_gaps(node, machine, plane, values)
                for plane, values in zip(planes, integers, strict=True)
            ]
    else:
        bits = 8 if encoding is None else encoding.bits
        planes, rows = [], []
        for p, row in zip(integers, multipliers, strict=True):
            for part in _within(p, bits):
                planes.append(uniform_plane(node, machine, part, bits))
                rows.append(row)
        multipliers = np.array(rows)
    if len(multipliers) > TERMS_MAX:
        raise CapacityError(
            f"{node.name}: weights need {len(multipliers)} terms, the requantizer has {TERMS_MAX}"
        )
    return Terms(
        tuple(planes), multipliers, bias, shift, channel_shift, pwlq_bits, shared
    )  # fmt: skip


def _require(node: Node, machine: Machine, form: str, bits: int) -> None:
    most = {
        "uniform": machine.uniform_bits,
        "subset": 4 if machine.has_subset else 0,
        "pwlq": machine.array.pwlq_bits,
    }[form]
    if not 2 <= bits <= most:
        found = f"{form} of 2..{most} bits" if most else f"no {form}"
        raise CapacityError(
            f"{node.name}: its weights are {form} of {bits} bits, {machine.name} has {found}"
        )


def _bytes(codes: NDArray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return codes.reshape(shape).astype(np.uint8)


def _within(plane: NDArray[np.int16], bits: int) -> list[NDArray[np.int16]]:
    """Return planes of `bits` bits that add up to `plane`."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    parts = []
    while True:
        part = np.clip(plane, low, high)
        parts.append(part)
        plane = plane - part
        if not plane.any():
            return parts


def uniform_plane(node: Node, machine: Machine, values: NDArray[np.int16], bits: int) -> Plane:
    """Return int16 values of `bits` bits as a plane; raise CapacityError where not built in."""
    _require(node, machine, "uniform", bits)
    return Plane("uniform", bits, (values & ((1 << bits) - 1)).astype(np.uint8))


def _pwlq_codes(values: NDArray[np.int16], bits: int, tail: bool) -> NDArray[np.uint8]:
    """Return codes whose centre region (or tail's own steps) holds `values`."""
    sign = (values < 0).astype(np.uint8) << bits
    return (sign | int(tail) << (bits - 1) | np.abs(values).astype(np.uint8)).astype(np.uint8)


def _subset_plane(
    node: Node, machine: Machine, values: NDArray[np.int16], bits: int, magnitudes: NDArray
) -> Plane:
    """Return `values` as subset codes; a plane that the subset does not hold becomes uniform."""
    size = np.abs(values)
    index = np.searchsorted(magnitudes, size)
    held = index < len(magnitudes)
    held &= magnitudes[np.minimum(index, len(magnitudes) - 1)] == size
    if not (held | (values == 0)).all() or (0 not in magnitudes and (values == 0).all()):
        return uniform_plane(node, machine, values, 2 if size.max() <= 1 else 8)
    index = np.where(held, index, 0)
    codes = ((values < 0) << (bits - 1) | index).astype(np.uint8)
    packed = sum(s << 4 * lane for lane, s in enumerate(subset_selectors(tuple(magnitudes))))
    return Plane("subset", bits, codes, packed, 0 in magnitudes)


def _without_gaps(node: Node, machine: Machine, plane: Plane, values: NDArray[np.int16]) -> Plane:
    """Return `plane` in a format with a zero code, for tiles that have gaps."""
    if plane.has_zero:
        return plane
    if machine.uniform_bits < 8:
        raise UnsupportedError(
            f"{node.name}: groups in a subset without zero need uniform8, "
            f"which {machine.name} has not"
        )
    return uniform_plane(node, machine, values, 8)


def format_code(plane: Plane) -> int:
    """Return the plane's format as the MAC's register has it."""
    return WEIGHT_FORMATS.index(plane.format)
