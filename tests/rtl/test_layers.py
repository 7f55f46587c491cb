"""One layer of each operator and each scheme on Icarus: the trace and every byte as predicted.

Under both models of the memory and three latencies; `NPUSIM_RTL_CASES=N` adds N drawn memories.
"""

from __future__ import annotations

import os
import random
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from npusim.codes.schemes import SCHEMES
from npusim.compiler.lower.lowerings import LOWERINGS
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.isa.spec import VEC_OPS
from npusim.machines import Machine
from npusim.machines.memories import Memory
from npusim.prepared.engine import prepare
from npusim.words import MEMORY_MODELS
from tests.compiler.agreement import kept
from tests.compiler.test_rearranged import eager
from tests.compiler.test_residency import random_chain
from tests.rtl.layers import CASES

ROOT = Path(__file__).resolve().parents[2]
MACHINES = ("nano", "small")
UNSHARED = {"array.lanes_per_requantizer": 1, "array.lanes_per_lookup": 1}
"""Of every second case on `small`."""
FLAT = {"name": "flat", "array.size": 8, "array.rows": 3}
"""Three slices of a word, the last one shorter."""
TALL = {"name": "tall", "array.rows": 16}
"""Four words of a tile."""
MADE = {"flat": FLAT, "tall": TALL}
OBLONG_CASES = (
    "conv subset4", "grouped uniform8", "mixed", "product", "turned product", "channels to pixels",
    "concat channels",
)  # fmt: skip
LATENCIES_CYCLES = (1, 10, 75)
MORE = int(os.environ.get("NPUSIM_RTL_CASES", "0"))


def memories(machine: Machine) -> list[Memory]:
    """Return two models under each latency, a DRAM, and MORE drawn ones."""
    rng = random.Random(1)
    settings = [(model, latency, 4) for model in ("fixed", "lfsr") for latency in LATENCIES_CYCLES]
    settings.append(("dram", 10, 2))
    settings += [
        (rng.choice(MEMORY_MODELS), rng.randint(1, 200), rng.choice((1, 2, 8, 64)))
        for _ in range(MORE)
    ]
    return [
        msgspec.structs.replace(
            machine.memory, model=model, latency_cycles=latency, outstanding=outstanding,
            seed=rng.randrange(1, 1 << 16),
        )
        for model, latency, outstanding in settings
    ]  # fmt: skip


@cache
def compiled_case(name: str, machine: str) -> MachineNetwork:
    case = CASES[name]
    known = Machine.load("nano").with_(MADE[machine]) if machine in MADE else Machine.load(machine)
    shares = machine != "small" or list(CASES).index(name) % 2 == 0
    built = known.with_({**case.sizes, **({} if shares else UNSHARED)})
    if case.is_moved:
        built = eager(built)
    return MachineNetwork(case.make(), built, case.rule, keep_tensors=True)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", CASES)
def test_layer(case: str, machine: str) -> None:
    assert_agrees(case, machine)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("machine", MADE)
@pytest.mark.parametrize("case", OBLONG_CASES)
def test_layer_on_an_array_that_is_not_square(case: str, machine: str) -> None:
    assert_agrees(case, machine, 2)


def assert_agrees(case: str, machine: str, count: int | None = None) -> None:
    """Assert that both sides agree, and with the kernels; under `count` memories, or under all."""
    compiled = compiled_case(case, machine)
    inputs = random_inputs(compiled.network, 3)
    cycles, drawn = set(), memories(compiled.program.machine)[:count]
    for memory in drawn:
        runs = compare_network(compiled, inputs, memory=memory, simulator="icarus")
        for run in runs:
            assert not run.difference, f"{memory}: {run.difference}"
            assert run.cycles == run.rtl_cycles
            assert run.events >= 2 * run.instructions  # each issues and retires
        cycles.add(sum(run.cycles for run in runs))
    assert len(cycles) > len(drawn) // 2, "memories are all alike"
    names = [place.name for place in compiled.program.places]
    expected = prepare(compiled.network, compiled.program.requant).run(inputs, keep=names)
    for name in names:
        found = compiled.network.tensors[name].in_file_order(compiled.read(name))
        assert np.array_equal(found, expected[name]), name


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seed", [3, 8])
def test_layers_whose_tensors_stay_on_chip(seed: int, machine: str) -> None:
    network = random_chain(np.random.default_rng(seed))
    compiled = MachineNetwork(network, Machine.load(machine), "half_up")
    assert kept(compiled.program)
    inputs = random_inputs(network, seed)
    for memory in memories(compiled.program.machine)[:2]:
        for run in compare_network(compiled, inputs, memory=memory, simulator="icarus"):
            assert not run.difference, f"{memory}: {run.difference}"
    expected = prepare(network, "half_up").run(inputs, keep=network.outputs)
    for name in network.outputs:
        assert np.array_equal(
            network.tensors[name].in_file_order(compiled.read(name)), expected[name]
        )


SMALLEST = Machine.load(ROOT / "docs" / "examples" / "smallest.toml")
OF_INT8 = [
    name for name, case in CASES.items()
    if not case.sizes and {"uniform", None} >= {
        getattr(getattr(node.operator, "encoding", None), "scheme", None)
        for node in case.make().nodes
    }
]  # fmt: skip


def test_the_smallest_machine_runs_every_operator_of_int8() -> None:
    layers = set()
    for name in OF_INT8:
        case = CASES[name]
        network, machine = case.make(), eager(SMALLEST) if case.is_moved else SMALLEST
        compiled = MachineNetwork(network, machine, case.rule, keep_tensors=True)
        assert [step.kind for step in compiled.program.steps] == ["run"], name
        layers |= {layer.operator for layer in compiled.program.layers}
    assert layers == {operator.__name__ for operator in LOWERINGS}


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("case", ["sigmoid", "average pool"])
def test_the_smallest_machine(case: str) -> None:
    compiled = MachineNetwork(CASES[case].make(), SMALLEST, CASES[case].rule)
    inputs = random_inputs(compiled.network, 5)
    for run in compare_network(compiled, inputs, simulator="icarus"):
        assert not run.difference, run.difference


@pytest.mark.parametrize("machine", MACHINES)
def test_the_cases_cover_the_machine(machine: str) -> None:
    """Every operator that compiles, every scheme, every instruction and vector operation."""
    layers, schemes, instructions, mixed = set(), set(), set(), set()
    for name in CASES:
        compiled = compiled_case(name, machine)
        assert [step.kind for step in compiled.program.steps] == ["run"], name
        layers |= {layer.operator for layer in compiled.program.layers}
        encodings = [getattr(node.operator, "encoding", None) for node in compiled.network.nodes]
        mine = {(e.scheme, e.bits) for e in encodings if e is not None}
        schemes |= mine
        mixed.add(len({scheme for scheme, _ in mine}))
        for item in compiled.program.instructions:
            flags = [flag for flag in ("depthwise", "window", "pwlq") if item.values.get(flag)]
            kind = VEC_OPS[item["op"]] if item.name == "VEC" else "".join(flags)
            instructions.add((item.name, kind))
    lowered = {operator.__name__ for operator in LOWERINGS}
    assert layers == lowered
    needed = {("uniform", 8), ("uniform", 4), *((scheme, 4) for scheme in SCHEMES)}
    assert needed <= schemes
    assert max(mixed) == 3
    assert {
        ("MAC", ""),
        ("MAC", "depthwise"),
        ("MAC", "depthwisewindow"),
        ("RQ", ""),
        ("RQ", "pwlq"),
        ("LD", ""),
        ("ST", ""),
    } <= instructions
    assert {("VEC", name) for name in VEC_OPS} <= instructions
