"""Weights of a linear layer as code planes in formats that the machine has built in.

Coded weights go to DRAM in the codes that the file holds, points apart. Only what is no code is
coded here: plain int8 weights, split where a format does not hold them (legacy uint8 weights less
their zero point have 9 bits: two planes with one multiplier), window sums, and weights of a code
that this machine or this layer cannot use as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from npusim.codes import CODES, LEAST_BITS, UNIFORM, Levels, WeightCode, pwlq
from npusim.codes.points import planes_of_points
from npusim.errors import CapacityError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.weight_planes import weight_planes
from npusim.graph.weights import EncodedWeights
from npusim.isa.instructions.mac import registers_of_levels
from npusim.isa.spec import TERMS_MAX
from npusim.machines import Machine
from npusim.operators.kinds.linear import encoding_of
from npusim.runtimes.requantization import Requantization


@dataclass(frozen=True, eq=False)
class Plane:
    """Codes uint8 [OC KH KW IC/groups] of `bits` bits; `levels`: the layer's own table."""

    code: WeightCode
    bits: int
    codes: NDArray[np.uint8]
    levels: Levels = ()

    @property
    def code_bits(self) -> int:
        """Bits of a stored code."""
        return self.code.stored_bits(self.bits)

    @cached_property
    def has_zero(self) -> bool:
        """Whether a code is worth nothing."""
        return self.code.has_zero(self.bits, self.levels)

    @property
    def level_registers(self) -> dict[str, dict[str, int]]:
        """The MAC's registers that hold the levels."""
        return registers_of_levels(self.code, self.levels)


@dataclass(frozen=True, eq=False)
class Terms:
    """What a layer accumulates and how its accumulators end.

    `planes`: one per accumulator plane, or all of them add to one (`together`); `multipliers`
    [J OC]. Where pwlq's two terms come from one plane (`shared`), both read it; else term j reads
    accumulator plane j.
    """

    planes: tuple[Plane, ...]
    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    channel_shift: NDArray[np.int64]
    pwlq_bits: int = 0
    shared: bool = False
    together: bool = False

    @property
    def sum_planes(self) -> int:
        """Planes of accumulators."""
        return 1 if self.together else len(self.planes)

    def accumulated(self) -> list[tuple[Plane, int, bool]]:
        """Return each plane, the accumulators it adds to, and whether others do so before it."""
        own = self.sum_planes
        return [(plane, i % own, i >= own) for i, plane in enumerate(self.planes)]

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
    encoding, together = encoding_of(node), False
    shift, channel_shift = r.shift, np.zeros_like(r.shift)
    if encoding is None:
        integers = weight_planes(network, node)
        planes, of_term = _split(node, machine, integers)
        if r.rounding == "float32":  # whose unit takes one accumulator; plain weights are one term
            of_term, together = [0], True
        channels, shared, pwlq_bits = integers.shape[1], False, 0
    else:
        _require(node, machine, encoding.code, encoding.bits)
        planes = _coded(node, machine, encoding)
        shared = len(planes) < len(r.multipliers)
        of_term = list(range(len(r.multipliers)))
        pwlq_bits = encoding.bits if encoding.code.regions > 1 else 0
        shift, channel_shift = encoding.shift, encoding.channel_shift
        channels = len(encoding.bias)
        if gaps and not all(plane.has_zero for plane in planes):
            planes = _without_gaps(node, machine, planes, weight_planes(network, node))
    shift, channel_shift, bias = (
        np.broadcast_to(a, channels) for a in (shift, channel_shift, r.bias)
    )
    multipliers = np.broadcast_to(r.multipliers, (len(r.multipliers), channels))[of_term]
    if len(multipliers) > TERMS_MAX:
        raise CapacityError(
            f"{node.name}: weights need {len(multipliers)} terms, the requantizer has {TERMS_MAX}"
        )
    return Terms(
        tuple(planes), multipliers, bias, shift, channel_shift, pwlq_bits, shared, together
    )


def _require(node: Node, machine: Machine, code: WeightCode, bits: int) -> None:
    most = machine.most_bits(code)
    if not LEAST_BITS <= bits <= most:
        found = f"{code.name} of {LEAST_BITS}..{most} bits" if most else f"no {code.name}"
        raise CapacityError(
            f"{node.name}: its weights are {code.name} of {bits} bits, {machine.name} has {found}"
        )


def _split(
    node: Node, machine: Machine, integers: NDArray[np.int16]
) -> tuple[list[Plane], list[int]]:
    """Return plain weights as planes of 8 bits, and the term whose multiplier each takes."""
    planes, of_term = [], []
    for term, values in enumerate(integers):
        for part in _within(values, 8):
            planes.append(uniform_plane(node, machine, part, 8))
            of_term.append(term)
    return planes, of_term


def _coded(node: Node, machine: Machine, encoding: EncodedWeights) -> list[Plane]:
    """Return the planes of coded weights: of each point its codes, and of each window sum ones.

    A code of several regions serves its terms from one plane where it is alone; planes beside it
    take a region each, which its codes are sorted into.
    """
    code, bits, levels = encoding.code, encoding.bits, encoding.levels
    code.require(encoding.codes, bits)
    points = planes_of_points(encoding.codes[None], encoding.points)
    points = points[:, :, None, None, :] if points.ndim == 3 else points
    has_sum = bool(encoding.window_sum.any())
    if code.regions == 1 or (len(points) == 1 and encoding.forms == 2 and not has_sum):
        planes = [Plane(code, bits, p.astype(np.uint8), levels) for p in points]
    else:
        worth = code.plane_table(bits, levels, encoding.forms).tolist()
        terms = [(point, values) for point in points for values in worth]
        planes = [
            Plane(code, bits, _of_region(values, bits, j > 0)[point])
            for j, (point, values) in enumerate(terms)
        ]
    if has_sum:
        planes.append(_window_plane(node, machine, encoding, points.shape[1:]))
    return planes


def _of_region(values: Sequence[int], bits: int, tail: bool) -> NDArray[np.uint8]:
    """Return pwlq codes whose centre (or tail's own steps) holds `values`."""
    codes = [pwlq.code_of(int(value < 0), int(tail), abs(value), bits) for value in values]
    return np.array(codes, np.uint8)


def _window_plane(
    node: Node, machine: Machine, encoding: EncodedWeights, shape: Sequence[int]
) -> Plane:
    """Return the signs of the window sums as a plane; uniform where the layer's code has no one."""
    code, bits, levels = encoding.code, encoding.bits, encoding.levels
    signs = np.sign(encoding.window_sum).tolist()
    worth = code.table(bits, levels)[:, 0].tolist()
    if code.regions > 1:
        plane = Plane(code, bits, _of_region(signs, bits, True))
    elif {1, -1}.intersection(signs) <= set(worth):
        codes = [worth.index(sign) if sign in worth else 0 for sign in signs]
        plane = Plane(code, bits, np.array(codes, np.uint8), levels)
    else:
        plane = uniform_plane(node, machine, np.array(signs, np.int16), LEAST_BITS)
    everywhere = np.broadcast_to(plane.codes.reshape(-1, *(1,) * (len(shape) - 1)), shape)
    return Plane(plane.code, plane.bits, everywhere, plane.levels)


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
    _require(node, machine, UNIFORM, bits)
    return Plane(UNIFORM, bits, (values & ((1 << bits) - 1)).astype(np.uint8))


def _without_gaps(
    node: Node, machine: Machine, planes: list[Plane], integers: NDArray[np.int16]
) -> list[Plane]:
    """Return `planes`, worth `integers`, in formats with a zero code: their tiles have gaps."""
    if machine.most_bits(UNIFORM) < 8:
        raise UnsupportedError(
            f"{node.name}: groups in a subset without zero need uniform8, "
            f"which {machine.name} has not"
        )
    return [
        plane if plane.has_zero else uniform_plane(node, machine, values, 8)
        for plane, values in zip(planes, integers, strict=True)
    ]


def format_code(plane: Plane) -> int:
    """Return the plane's format as the MAC's register has it."""
    return CODES.index(plane.code)
