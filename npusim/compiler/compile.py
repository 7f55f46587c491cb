"""A network to a program: what stays on chip, places in DRAM, instructions, steps."""

from __future__ import annotations

from functools import partial

from npusim.compiler.cascade.choose import with_cascades
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import Arena, Constants
from npusim.compiler.emit.transfers import load_fill
from npusim.compiler.graph.sign_turns import without_sign_turns
from npusim.compiler.lowered import LoweredNetwork, Unit, naming
from npusim.graph.network import Network, Node
from npusim.graph.samples import declared_samples, of_samples
from npusim.graph.state import State
from npusim.isa.program import KeptValue, Layer, Place, Program, Region, Step
from npusim.isa.traffic import dram_bytes
from npusim.machines import Machine
from npusim.operators.count import host_work, layer_macs, state_work
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule


def compile_network(
    network: Network,
    machine: Machine,
    requant: str = "auto",
    keep_tensors: bool = False,
    with_data: bool = True,
    samples: int | None = None,
) -> Program:
    """Return the program that computes `samples` samples of `network` on `machine` at once.

    Parameters
    ----------
    requant
        A runtime's rule or a rounding mode; what a runtime computes in floating point becomes its
        integer twin (epilogues.py).
    keep_tensors
        Every tensor between layers is stored, at a place of its own to the end, so that all can be
        read; else some stay on chip and the others share space over time.
    with_data
        Whether the region of constants has its bytes: cycles do not depend on them.
    samples
        Layers take all of them, one layer after the other, and load their weights once. None: as
        many as the network declares, or a part of them where that moves fewer bytes a sample.

    Raises
    ------
    CapacityError
        A minimal tile of a layer does not fit, or a weight format is not built in.
    UnsupportedError
        An operator is neither the machine's nor the host's, or the network mixes a batch's samples.
    """
    rule = resolve_rule(network, requant)
    if samples is None:
        return compile_batch(
            network, machine, requant, declared_samples(network), keep_tensors, with_data
        )
    if not keep_tensors:
        network = without_sign_turns(network, rule)
    parts = of_samples(network, samples), machine, rule, keep_tensors, samples, network.state
    compiler = Compiler(*parts)
    compiler.run()
    return compiler.program(with_data)


def compile_batch(
    network: Network,
    machine: Machine,
    requant: str,
    batch: int,
    keep_tensors: bool = False,
    with_data: bool = True,
) -> Program:
    """Return the program that, run for one part of `batch` samples after the other, moves least.

    Weights are loaded once for the samples of a part, while tensors of few samples stay on chip.
    The parts tried are equal: the whole batch, halves and so on, and single samples. Arguments are
    those of `compile_network`.
    """
    sizes = [batch]
    while sizes[-1] % 2 == 0:
        sizes.append(sizes[-1] // 2)
    if sizes[-1] > 1:
        sizes.append(1)
    programs = [
        compile_network(network, machine, requant, keep_tensors, with_data, size) for size in sizes
    ]
    if len(programs) == 1:
        return programs[0]
    return min(programs, key=lambda program: dram_bytes(program) / program.samples)


def compile_checked(
    network: Network, machine: str | Machine = "base", requant: str = "auto"
) -> Program:
    """Return the program that computes the samples `network` declares, proved by the checker.

    Parameters
    ----------
    machine
        A Machine, the name of one that comes with npusim, or a TOML file.
    requant
        As in `npusim.run`.

    Raises
    ------
    CapacityError, UnsupportedError
        As `compile_network`.
    """
    program = compile_network(network, Machine.of(machine), requant)
    program.check()
    return program


class Compiler:
    """The state of a compilation; `run` emits, `program` collects.

    The tensors that stay on chip are chosen (residency.py), then the units are emitted in order
    and the other tensors placed in DRAM as they come.
    """

    def __init__(
        self,
        network: Network,
        machine: Machine,
        rule: Rule,
        keep: bool,
        samples: int,
        state: tuple[State, ...] = (),
    ) -> None:
        self.network, self.machine, self.rule, self.keep = network, machine, rule, keep
        self.samples, self.state = samples, state
        self.emitter = Emitter(machine)
        self.constants, self.arena = Constants(machine), Arena()
        self.lowered = LoweredNetwork(
            network, machine, rule, self.emitter, self.constants, self.arena, samples
        )
        self.steps: list[Step] = []
        self.run_start = 0
        self._computed: list[Unit] = []
        """What the machine computes, in order."""

    def run(self) -> None:
        """Emit every unit."""
        lowered = self.lowered
        units, residency = lowered.units, None
        if not self.keep:
            units, residency = with_cascades(units, self.machine, lowered.in_dram)
        held: dict[str, int] = {}
        for name in self.network.inputs:
            self._place(name, held)
        for kept in self.state:
            del held[kept.value]  # its place is its own, from sample to sample
        for number, unit in enumerate(units):
            if residency is not None:
                self.emitter.act_first, self.emitter.act_banks = residency.window(number)
            behind = units[number + 1 :][:1]
            self.emitter.ends_run = not behind or behind[0].lowering is None
            self._emit_unit(unit, held)
            if not self.keep:
                for name in [name for name in held if lowered.last_readers[name] <= unit.place]:
                    self.arena.free(held.pop(name))
        self._end_run()
        if self.state:
            moved = state_work(self.network, self.state).moved_bytes
            self.steps.append(Step("state", node="state", operator="State", moved_bytes=moved))

    def _place(self, name: str, held: dict[str, int]) -> None:
        """Give a tensor space in DRAM."""
        stored = self.lowered.stored[name]
        stored.spot.offset_bytes = held[name] = self.arena.place(stored.bytes)

    def _emit_unit(self, unit: Unit, held: dict[str, int]) -> None:
        if unit.lowering is None:
            self._end_run()
            for output in unit.node.outputs:
                self._place(output, held)
            self._host(unit.node)
            return
        outputs = [self.lowered.stored[target.name] for target in unit.targets]
        for stored in outputs:
            if stored.kept is None:
                self._place(stored.name, held)
            elif stored.kept.fill is not None:
                samples = stored.kept.block_stride // stored.kept.sample_stride
                inner = stored.height // samples, stored.width
                of = self.emitter, self.constants, stored.kept, stored.blocks, inner
                self.emitter.before_results(partial(load_fill, *of))
        with naming(unit.node):
            unit.lowering(*outputs)
        self.emitter.end_layer()
        self.lowered.free_scratches()
        self._computed.append(unit)

    def _host(self, node: Node) -> None:
        """Let the host compute `node`, its inputs being stored."""
        work = host_work(self.network, node)
        place = ("host", len(self.emitter), 0)
        step = Step(*place, node.name, node.kind, work.elements, work.macs, work.moved_bytes)
        self.steps.append(step)

    def _end_run(self) -> None:
        if self.emitter.is_empty:
            return
        self.emitter.finish()
        count = len(self.emitter) - self.run_start
        self.steps.append(Step("run", self.run_start, count))
        self.run_start = len(self.emitter)

    def program(self, with_data: bool) -> Program:
        """Return the program, with the bytes of its constants where they are asked for."""
        network, folds = self.network, self.lowered.folds
        places = []
        for name, form in self.lowered.forms.items():
            tensor, stored = network.tensors[name], self.lowered.stored[name]
            if stored.kept is not None:
                continue
            places.append(
                Place(
                    name, tensor.dtype.name, tensor.shape, form.order, *form.sizes,
                    stored.spot.region, stored.spot.offset_bytes,
                    folds[name].fold.numbers if name in folds else (),
                )
            )  # fmt: skip
        page = self.arena.size_bytes
        image = self.constants.image() if with_data else b""
        return Program(
            name=network.name,
            machine=self.machine,
            requant=self.rule,
            samples=self.samples,
            instructions=self.emitter.instructions(),
            regions=(
                Region("constants", max(self.constants.size_bytes, 64), image),
                Region("tensors", page),
            ),
            places=tuple(places),
            inputs=network.inputs,
            outputs=network.outputs,
            steps=tuple(self.steps),
            state=tuple(KeptValue(kept.value, kept.update) for kept in self.state),
            layers=tuple(
                Layer(
                    unit.node.name,
                    unit.node.kind,
                    first,
                    count,
                    sum(layer_macs(network, node) for node in (*unit.before, unit.node)),
                    unit.targets[0].name,
                    early,
                )
                for unit, (first, count, early) in zip(
                    self._computed, self.emitter.layers(), strict=True
                )
            ),
        )
