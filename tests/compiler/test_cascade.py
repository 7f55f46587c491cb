"""Layers computed depth first: the bytes of the kernels, in every form of a cascade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest

from npusim import operators as op
from npusim.analysis.absorbed import absorbed
from npusim.analysis.proof import prove
from npusim.compiler import compile as compiler
from npusim.compiler.cascade import choose
from npusim.compiler.cascade.bands import Span, bands, cut
from npusim.compiler.cascade.lowering import Cascade
from npusim.compiler.cascade.search import plan_cascade, quickest
from npusim.compiler.emit.memory import Spot
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.lowered import Unit
from npusim.compiler.residency import Residency
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network
from npusim.errors import CapacityError
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.quant.quantize import quantize
from tests.compiler.agreement import prove_program, random_inputs
from tests.compiler.machines import random_machine
from tests.compiler.test_residency import RULES, moved_bytes
from tests.quant.networks import Maker

FORMS = ("bands", "parts", "streams", "pages", "added input", "ahead", "strips")

Chooser = Callable[[list[Unit], Machine, set[Spot]], tuple[list[Unit], Residency]]


def block(rng: np.random.Generator, tallest: int) -> Network:
    """Return layers as they stand in networks of inverted bottlenecks, with what is added at times.

    Kernels, strides, dilations and padding are any; images have up to `tallest` rows.
    """

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    image = (1, between(4, tallest), between(3, 14), between(1, 40))
    m = Maker(image)
    source, shape = "x", image
    adds = between(0, 2) == 0
    kinds = ["pointwise", "depthwise", "pointwise"]
    if not adds:
        kinds = [("conv", "depthwise", "pointwise")[between(0, 2)] for _ in range(between(2, 5))]
    for number, kind in enumerate(kinds):
        _, height, width, channels = shape
        kernel = (1, 1) if kind == "pointwise" else (between(1, 4), between(1, 4))
        dilation = (1, 1) if adds else (between(1, 2), between(1, 2))
        stride = (1, 1) if adds or kind == "pointwise" else (between(1, 3), between(1, 3))
        pads = [
            ((k - 1) * d, 0) if adds else (between(0, (k - 1) * d), between(0, (k - 1) * d))
            for k, d in zip(kernel, dilation, strict=True)
        ]
        extents = [
            size + sum(pad) - (k - 1) * d
            for size, pad, k, d in zip((height, width), pads, kernel, dilation, strict=True)
        ]
        if min(extents) < 1:
            continue
        depthwise = kind == "depthwise" and channels > 1
        out = channels if depthwise else between(1, 48)
        if adds and number == 2:
            out = image[3]
        weights = rng.normal(size=(out, *kernel, 1 if depthwise else channels))
        window = op.Window(kernel, stride, dilation, (*pads[0], *pads[1]))
        source = m.node(
            f"n{number}", op.Conv2D(window, channels if depthwise else 1), source,
            m.constant(f"w{number}", weights), m.constant(f"b{number}", rng.normal(size=out)),
        )  # fmt: skip
        shape = m.tensors[source].shape
    if adds:
        source = m.node("add", op.Add(), *(("x", source) if between(0, 1) else (source, "x")))
    samples = rng.normal(size=(4, *image[1:])).astype(np.float32)
    return quantize(m.network(source), samples, scheme="uniform", bits=8)


def small_machine(rng: np.random.Generator) -> Machine:
    """Return a machine that holds few activations, and all weights of a block or some."""
    return random_machine(rng, least_words=64).with_(
        {
            "scratchpads.act_bank_words": int(rng.choice([64, 128, 256])),
            "scratchpads.wgt_banks": 4,
            "scratchpads.wgt_bank_words": int(rng.choice([64, 256, 2048])),
            "scratchpads.par_bank_words": int(rng.choice([16, 512])),
        }
    )


def feasible(search: choose._Choice, first: int, end: int) -> bool:
    layers = search.layers[first:end]
    if not all(search.joins[first : end - 1]):
        return False
    try:
        plan_cascade(tuple(layer for layer in layers if layer), search.machine, 8)
    except CapacityError:
        return False
    return True


def at_random(rng: np.random.Generator, met: Counter[str]) -> Chooser:
    """Return a choice of cascades wherever some fit, as chance has it."""

    def segments(search: choose._Choice) -> Iterator[range]:
        first = 0
        while first < len(search.units):
            ends = [
                end for end in range(first + 2, len(search.units) + 1)
                if feasible(search, first, end)
            ]  # fmt: skip
            end = int(rng.choice(ends)) if ends and rng.random() < 0.9 else first + 1
            yield range(first, end)
            first = end

    def choice(
        units: list[Unit], machine: Machine, in_dram: set[Spot]
    ) -> tuple[list[Unit], Residency]:
        apart = Residency([unit.lowering for unit in units], machine, in_dram)
        search = choose._Choice(units, machine, in_dram, apart)
        apart.release()
        joined = choose._joined(units, [*segments(search)])
        for unit in joined:
            if isinstance(unit.lowering, Cascade):
                banks = machine.scratchpads.act_banks
                plan = quickest(plan_cascade(unit.lowering.layers, machine, banks), banks)
                met["cascades"] += 1
                met["bands"] += len(plan.bands) > 1
                met["parts"] += any(
                    plan.held_blocks(index) < layer.target.blocks
                    for index, layer in enumerate(plan.layers)
                )
                met["streams"] += any(plan.streams)
                met["pages"] += any(len(places) > 1 for places in plan.par)
                met["added input"] += plan.adds_input
                met["ahead"] += plan.is_ahead
                met["strips"] += plan.bands[0][-1].columns != plan.bands[-1][-1].columns
                met["fills again"] += any(
                    plan.bands[-1][index].rows.after and len(plan.bands) > 1
                    for index in range(1, len(plan.layers))
                )
        try:
            return joined, Residency([unit.lowering for unit in joined], machine, in_dram)
        except CapacityError:
            pytest.skip("a cascade beside kept tensors does not fit")

    return choice


def test_bands_cover_what_windows_read() -> None:
    network = block(np.random.default_rng(3), 20)
    lowered = compiler.Compiler(network, Machine.load("nano"), "half_up", False, 1).lowered
    search = choose._Choice(
        lowered.units, Machine.load("nano"), lowered.in_dram,
        Residency([unit.lowering for unit in lowered.units], Machine.load("nano"), lowered.in_dram),
    )  # fmt: skip
    layers = [layer for layer in search.layers if layer is not None]
    assert len(layers) > 1
    assert all(search.joins)
    target = layers[-1].target
    for rows, columns in product(range(1, target.height + 1, 3), range(1, target.width + 1, 2)):
        found = bands(cut(layers, rows, 0), cut(layers, columns, 1))
        corners = product(range(0, target.width, columns), range(0, target.height, rows))
        assert [(b[-1].columns.first, b[-1].rows.first) for b in found] == [*corners]
        for band in found:
            for layer, read, written in zip(layers, band[:-1], band[1:], strict=True):
                source = layer.source
                for axis, extent, seen, outputs in (
                    (0, source.height, read.rows, written.rows),
                    (1, source.width, read.columns, written.columns),
                ):
                    assert_covers(layer, axis, extent, seen, outputs)


def assert_covers(layer: LinearLayer, axis: int, extent: int, seen: Span, outputs: Span) -> None:
    """Assert that rows (columns) and their padding are what a layer reads for its outputs."""
    window = layer.window
    needed = {
        place * window.stride[axis] - window.padding[2 * axis] + tap * window.dilation[axis]
        for place in range(outputs.first, outputs.end)
        for tap in range(window.kernel[axis])
    }
    inside = {place for place in needed if 0 <= place < extent}
    assert inside <= set(range(seen.first, seen.end))
    assert seen.first - seen.before == min(needed)
    assert seen.end + seen.after == max(needed) + 1


def require_proofs(compiled: MachineNetwork) -> None:
    """Assert that each convolution is proved by its own constants, in a cascade or alone."""
    program, network = compiled.program, compiled.network
    hosts = {step.node for step in program.steps}
    layers = {n.name for n in network.nodes if isinstance(n.operator, op.Conv2D)} - hosts
    proofs = prove(program, network)
    assert {proof.layer for proof in proofs} == layers
    if program.requant == "litert":
        assert not any(proof.differences for proof in proofs)


@pytest.mark.parametrize("part", range(2))
def test_random_cascades_on_random_machines(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    met: Counter[str] = Counter()
    for seed in range(60 * part, 60 * part + 60):
        rng = np.random.default_rng(seed)
        network, machine = block(rng, 30), small_machine(rng)
        rule = RULES[seed % len(RULES)]
        monkeypatch.setattr(compiler, "with_cascades", at_random(rng, met))
        try:
            compiled = MachineNetwork(network, machine, rule)
        except CapacityError:
            continue
        prove_program(compiled.program)
        require_proofs(compiled)
        inputs = random_inputs(network, seed)
        found, _ = compiled.run(inputs, network.outputs)
        expected = prepare(network, compiled.program.requant).run(inputs, keep=network.outputs)
        for name in network.outputs:
            assert np.array_equal(found[name], expected[name]), (seed, name)
        met["run"] += 1
    assert met["run"] > 15, met
    assert all(met[form] for form in FORMS), met
    assert met["fills again"], met


@pytest.mark.parametrize("name", ["nano", "small", "base"])
def test_chosen_cascades_move_fewer_bytes(name: str) -> None:
    machine, joined = Machine.load(name), 0
    for seed in range(12):
        network = block(np.random.default_rng(seed), 60)
        program = MachineNetwork(network, machine, "half_up").program
        stored = MachineNetwork(network, machine, "half_up", keep_tensors=True).program
        assert moved_bytes(program) <= moved_bytes(stored), seed
        assert sum(x.macs for x in program.layers) == sum(x.macs for x in stored.layers)
        own = {layer.name for layer in program.layers}
        missing = [layer.name for layer in stored.layers if layer.name not in own]
        rows = {row.name: row.layer for row in absorbed(network, program)}
        assert all(rows[name] in own for name in missing)
        joined += bool(missing)
    assert joined or name == "base"


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_cascades_on_rtl(monkeypatch: pytest.MonkeyPatch) -> None:
    met: Counter[str] = Counter()
    for seed in (2, 5, 7):
        rng = np.random.default_rng(seed)
        network = block(rng, 16)
        monkeypatch.setattr(compiler, "with_cascades", at_random(rng, met))
        compiled = MachineNetwork(network, Machine.load("nano"), "half_up")
        inputs = random_inputs(network, seed)
        for run in compare_network(compiled, inputs, simulator="icarus"):
            assert not run.difference, run.difference
    assert met["cascades"] > 1
