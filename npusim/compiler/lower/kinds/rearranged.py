"""Operators that only move values, by a map of places: words by addresses, lanes by the array.

The map is the operator's own meaning on the numbers of the elements. Where whole words move, LD and
ST do. Where each channel takes one channel of pixels that depend on it alone (as in space to
depth), words are gathered first and channels selected by the array; where each pixel takes channels
in one of few patterns (as in depth to space), channels are selected first, once a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.gathers import FILL, Move, Words, emit_moves, move_cycles, moves_of
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import emit_select, identity
from npusim.graph.network import Network, Node
from npusim.machines import Machine
from npusim.operators.kinds.movement import Rearrangement, zero_of
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF
from npusim.operators.reshape import Reshape

Places = NDArray[np.int64]
MOST_PATTERNS = 16
"""Selections of channels for one tensor: each reads all of it."""


@dataclass(frozen=True, eq=False)
class _Map:
    """For each pixel and channel of an output: number, pixel and channel of the input; or FILL."""

    sources: Places
    pixels: Places
    channels: Places


def lower_rearrangement(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how values move to their places; None where the host has to, or is quicker."""
    inputs, outputs = network.inputs_of(node), network.outputs_of(node)
    moved = [x for x in inputs if not (x.is_constant and x.dtype.itemsize > 1)]
    if not all_bytes(*moved, *outputs) or not all(x.shape and prod(x.shape) for x in moved):
        return None
    if len({x.dtype for x in (*moved, *outputs)}) > 1 or not all(y.shape for y in outputs):
        return None
    names = [x.name for x in moved]
    if not all(context.lies_as_is(name) for name in names):
        return None
    sources = [context.source(name) for name in names]
    found = []
    for y, places in zip(outputs, _places(network, node), strict=True):
        target = context.as_stored(y)
        way = _way(_map(places, sources, target), sources, target, context.machine)
        if way is None:
            return None
        found.append(way)
    elements = max(sum(prod(x.shape) for x in tensors) for tensors in (moved, outputs))
    if not pays(context.machine, sum(way.cycles for way in found), elements):
        return None
    fill = zero_of(outputs[0])

    def emit(*places: Stored) -> None:
        for way, place in zip(found, places, strict=True):
            way.emit(context, sources, place, fill)

    return emit


def _places(network: Network, node: Node) -> list[Places]:
    """Return the numbers of the elements that go to each place of each output, or FILL."""
    values, first = [], 0
    for x in network.inputs_of(node):
        if x.data is not None and x.dtype.itemsize > 1:
            values.append(x.data)
            continue
        values.append(np.arange(first, first + prod(x.shape)).reshape(x.shape))
        first += prod(x.shape)
    operator = node.operator
    if isinstance(operator, Rearrangement):
        return [operator.moved(values[0], FILL)]
    if isinstance(operator, Reshape):  # real values have the batch that they come with
        return [values[0].reshape(operator.shape)]
    real = PAGE_OF[type(operator)].real
    assert not isinstance(real, Absent)
    found = real(operator, *values)
    return list(found) if isinstance(found, tuple) else [found]


def _map(places: Places, sources: Sequence[Stored], target: Stored) -> _Map:
    flat = np.asarray(places, np.int64).reshape(target.pixels, target.channels)
    firsts = np.cumsum([0, *(x.pixels * x.channels for x in sources)])
    number = np.searchsorted(firsts, flat, side="right") - 1
    inside = flat - firsts[np.maximum(number, 0)]
    channels = np.array([x.channels for x in sources])[np.maximum(number, 0)]
    numbers = np.where(flat < 0, FILL, number)
    return _Map(numbers, np.where(flat < 0, 0, inside // channels), inside % channels)


@dataclass(frozen=True, eq=False)
class _Way:
    """How an output is made: `cycles` estimated, and what emits it."""

    cycles: int
    emit: Callable[[Context, Sequence[Stored], Stored, int], None]


def _way(m: _Map, sources: Sequence[Stored], target: Stored, machine: Machine) -> _Way | None:
    ways = (_by_words, _by_channels, _by_patterns)
    return next((way for find in ways if (way := find(m, sources, target, machine))), None)


def _by_words(m: _Map, sources: Sequence[Stored], target: Stored, machine: Machine) -> _Way | None:
    """Return how whole words are gathered."""
    moves = _word_moves(m, target.size)
    if moves is None:
        return None

    def emit(context: Context, tensors: Sequence[Stored], target: Stored, fill: int) -> None:
        emit_moves(context.emitter, tensors, target, moves, fill)

    return _Way(move_cycles(machine, moves), emit)


def _word_moves(m: _Map, size: int) -> list[Move] | None:
    blocks = []
    for first in range(0, m.channels.shape[1], size):
        lanes = slice(first, first + size)
        source, pixel, channel = m.sources[:, lanes], m.pixels[:, lanes], m.channels[:, lanes]
        base = channel[:, :1]
        filled = (source == FILL).all(1)
        whole = (source == source[:, :1]) & (pixel == pixel[:, :1]) & (base % size == 0)
        whole &= channel == base + np.arange(channel.shape[1])
        if not (whole.all(1) | filled).all():
            return None
        blocks.append(Words(source[:, 0], base[:, 0] // size, pixel[:, 0]))
    return moves_of(blocks)


def _by_channels(
    m: _Map, sources: Sequence[Stored], target: Stored, machine: Machine
) -> _Way | None:
    """Return how words are gathered for each map of pixels that a channel has, then selected."""
    if (m.sources == FILL).any():
        return None
    if not all((part == part[:1]).all() for part in (m.sources, m.channels)):
        return None
    maps: dict[tuple[int, bytes], int] = {}
    number = [
        maps.setdefault((int(m.sources[0, c]), m.pixels[:, c].tobytes()), len(maps))
        for c in range(target.channels)
    ]
    if len(maps) > MOST_PATTERNS:
        return None
    gathers: list[tuple[int, list[Move] | None]] = []
    cycles = 0
    for source, pixels in maps:
        x = sources[source]
        at = np.frombuffer(pixels, np.int64)
        if np.array_equal(at, np.arange(x.pixels)):
            gathers.append((source, None))
            continue
        wanted = [
            int(m.channels[0, c]) // x.size
            for c in range(target.channels)
            if number[c] == len(gathers)
        ]
        moves = moves_of([Words(0 * at, 0 * at, at)])
        if moves is None:
            return None
        moves = [
            replace(move, from_block=block, to_block=block)
            for block in sorted(set(wanted))
            for move in moves
        ]
        cycles += move_cycles(machine, moves)
        gathers.append((source, moves))
    selection = identity(np.array(number), m.channels[0])

    def emit(context: Context, tensors: Sequence[Stored], place: Stored, fill: int) -> None:
        parts = []
        for source, moves in gathers:
            x = tensors[source]
            if moves is None:
                parts.append(x)
                continue
            part = context.scratch(target.pixels, x.channels, x.unsigned)
            emit_moves(context.emitter, [x], part, moves, fill)
            parts.append(part)
        emit_select(context.emitter, context.constants, parts, place, selection)

    return _Way(cycles + _select_cycles(machine, target.pixels, target.blocks, len(maps)), emit)


def _by_patterns(
    m: _Map, sources: Sequence[Stored], target: Stored, machine: Machine
) -> _Way | None:
    """Return how channels are selected for each pattern that a pixel has, then gathered."""
    if (m.sources == FILL).any():
        return None
    if not all((part == part[:, :1]).all() for part in (m.sources, m.pixels)):
        return None
    keys = np.column_stack([m.sources[:, 0], m.channels])
    patterns, number = np.unique(keys, axis=0, return_inverse=True)
    if len(patterns) > MOST_PATTERNS:
        return None
    blocks = [Words(number.ravel(), 0 * number.ravel() + b, m.pixels[:, 0])
              for b in range(target.blocks)]  # fmt: skip
    moves = moves_of(blocks)
    if moves is None:
        return None
    cycles = move_cycles(machine, moves)
    cycles += sum(
        _select_cycles(machine, sources[source].pixels, target.blocks, 1)
        for source in patterns[:, 0].tolist()
    )

    def emit(context: Context, tensors: Sequence[Stored], place: Stored, fill: int) -> None:
        parts = []
        for source, *channels in patterns.tolist():
            x = tensors[source]
            part = context.scratch(x.pixels, target.channels, x.unsigned)
            chosen = np.array(channels)
            emit_select(context.emitter, context.constants, [x], part, identity(0 * chosen, chosen))
            parts.append(part)
        emit_moves(context.emitter, parts, place, moves, fill)

    return _Way(cycles, emit)


def _select_cycles(machine: Machine, pixels: int, blocks: int, inputs: int) -> int:
    """Return about how many cycles a selection takes: a load, a pass and a result each."""
    start = machine.first_beat_cycles
    passes = 1 + machine.array.lanes_per_requantizer
    return blocks * (inputs * (pixels * machine.word_beats + start) + passes * pixels + start)


def pays(machine: Machine, cycles: int, elements: int) -> bool:
    """Return whether the machine takes less time than the host for so many values."""
    host = machine.host
    taken = host.call_cycles + ceil(elements * host.cycles_per_element)
    return cycles / machine.clock.frequency_hz < taken / host.frequency_hz
