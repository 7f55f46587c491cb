"""Where a cascade's weights and parameters lie: what fits stays, the rest comes for each band.

The largest weights are loaded again for each band, chunk by chunk through half of WGT. Parameters
that do not fit come group by group, in turn to two places in two banks of PAR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.cut import chunks, weight_parts
from npusim.compiler.linear.layer import (
    LinearLayer,
    choose_tiling,
    has_tiling,
    parameter_words,
    weight_words,
)
from npusim.compiler.linear.tiling import Tiling
from npusim.errors import CapacityError
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine


def constant_words(
    layers: Sequence[LinearLayer], shapes: Sequence[LinearShape]
) -> list[tuple[int, int]]:
    """Return the words of WGT and of PAR that each layer's constants take."""
    return [
        (weight_words(shape, layer.target.blocks), parameter_words(layer) + shape.add_words)
        for layer, shape in zip(layers, shapes, strict=True)
    ]


def streamed(words: list[tuple[int, int]], machine: Machine) -> tuple[bool, ...] | None:
    """Return which layers' weights are loaded for each band: the largest; None where none fit."""
    weights = [count for count, _ in words]
    streams = [False] * len(words)
    if sum(weights) <= machine.wgt_words:
        return tuple(streams)
    if stream_machine(machine) is None:
        return None
    for place in sorted(range(len(words)), key=lambda place: -weights[place]):
        stay = sum(w for w, comes in zip(weights, streams, strict=True) if not comes)
        if stay <= machine.wgt_words // 2:
            break
        streams[place] = True
    return tuple(streams)


@lru_cache(16)
def stream_machine(machine: Machine) -> Machine | None:
    """Return `machine` with half of its banks of WGT; None where one would be left."""
    banks = machine.scratchpads.wgt_banks // 2
    return machine.with_({"scratchpads.wgt_banks": banks}) if banks > 1 else None


def parameter_places(
    layers: Sequence[LinearLayer],
    tilings: Sequence[tuple[LinearShape, Tiling]],
    machine: Machine,
) -> tuple[tuple[int, ...], ...] | None:
    """Return for each layer where its parameters stay, or its two places; None where none fit.

    The largest come group by group, as few as are needed.
    """
    whole, pages = [], []
    for layer, (shape, tiling) in zip(layers, tilings, strict=True):
        words = PAR_HEADER_WORDS + layer.terms.count
        whole.append(layer.target.blocks * words + shape.add_words)
        pages.append(tiling.gob * words + shape.add_words)
    comes: set[int] = set()
    for place in [None, *sorted(range(len(layers)), key=lambda place: -whole[place])]:
        if place is not None:
            comes.add(place)
        found = _placed(whole, pages, comes, machine)
        if found is not None:
            return found
    return None


def _placed(
    whole: list[int], pages: list[int], comes: set[int], machine: Machine
) -> tuple[tuple[int, ...], ...] | None:
    """Return the places of parameters in PAR, those of `comes` group by group."""
    bank, banks = machine.scratchpads.par_bank_words, machine.scratchpads.par_banks
    if not comes:
        starts = [sum(whole[:place]) for place in range(len(whole))]
        return tuple((s,) for s in starts) if sum(whole) <= machine.par_words else None
    used = [0] * banks
    places: dict[int, tuple[int, ...]] = {}
    for place in sorted(comes):
        if used[0] + pages[place] > bank:
            return None
        places[place] = (used[0], bank + used[0])
        used[0] += pages[place]
    used[1] = used[0]
    for place in sorted(set(range(len(whole))) - comes, key=lambda place: -whole[place]):
        fits = [b for b in range(banks) if used[b] + whole[place] <= bank]
        if not fits:
            return None
        places[place] = (fits[0] * bank + used[fits[0]],)
        used[fits[0]] += whole[place]
    return tuple(places[place] for place in range(len(whole)))


def fits(layer: LinearLayer, machine: Machine, act_banks: int, held: int, streams: bool) -> bool:
    """Return whether a layer's buffers find room at all, which `tiled` refuses else."""
    return has_tiling(layer, (streams and stream_machine(machine)) or machine, act_banks, held)


def tiled(
    layer: LinearLayer, machine: Machine, act_banks: int, held: int, streams: bool, is_alone: bool
) -> tuple[LinearShape, Tiling]:
    """Return a layer's shape and tiling, its weights loaded once a band where they stream.

    `is_alone`: as for `choose_tiling`.
    """
    half = stream_machine(machine) if streams else None
    if half is None:
        return choose_tiling(layer, machine, act_banks, held, is_alone)
    shape, tiling = choose_tiling(layer, half, act_banks, held, is_alone)
    at_once = len(weight_parts(tiling, tiling.gob))
    if len(chunks(layer, shape, tiling, 0)) * at_once > tiling.wgt_slots:
        raise CapacityError(f"{layer.name}: its weights would be loaded for each tile")
    return shape, replace(tiling, weights_outer=True, wgt_resident=False)
