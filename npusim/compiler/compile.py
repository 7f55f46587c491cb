"""A network to a program: storage, steps, and the lowering of each node in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Lowering
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import CONSTANTS, TENSORS, Arena, Constants, Spot, Stored
from npusim.compiler.graph.folding import FoldedInput, folded_inputs
from npusim.compiler.graph.fused_add import addition_behind
from npusim.compiler.graph.graph_storage import (
    Form,
    flattens,
    folded_pads,
    form_of,
    is_byte,
    is_renaming,
)
from npusim.compiler.graph.samples import single_sample
from npusim.compiler.graph.shuffle import channel_shuffles
from npusim.compiler.lower import shuffle as lower_shuffle
from npusim.compiler.lower.kinds.linear import LinearLowering
from npusim.compiler.lower.kinds.pool import PoolLowering
from npusim.compiler.lower.lowerings import lower_node
from npusim.compiler.residency import Residency, emit_border, reads
from npusim.errors import NpuError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.isa.layout import pack
from npusim.isa.program import Layer, Place, Program, Region, Step
from npusim.machines import Machine
from npusim.operators.count import layer_macs
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule


def compile_network(
    network: Network,
    machine: Machine,
    requant: str = "auto",
    keep_tensors: bool = False,
    with_data: bool = True,
) -> Program:
    """Return the program that computes one sample of `network` on `machine`.

    Parameters
    ----------
    requant
        A runtime's rule or a rounding mode; what a runtime computes in floating point becomes its
        integer twin (epilogues.py).
    keep_tensors
        Every tensor that reaches DRAM has a place of its own to the end, so that all can be read;
        else tensors share space over time.
    with_data
        Whether the region of constants has its bytes: cycles do not depend on them.

    Raises
    ------
    CapacityError
        A minimal tile of a layer does not fit, or a weight format is not built in.
    UnsupportedError
        An operator is neither the machine's nor the host's, or the network mixes a batch's samples.
    """
    rule = resolve_rule(network, requant)
    compiler = Compiler(single_sample(network), machine, rule, keep_tensors)
    compiler.run()
    return compiler.program(with_data)


def compile_checked(
    network: Network, machine: str | Machine = "base", requant: str = "auto"
) -> Program:
    """Return the program that computes one sample of `network`, proved by the static checker.

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


@dataclass(frozen=True, eq=False)
class _Unit:
    """A node that does something: on the machine by its lowering, else on the host."""

    place: int
    node: Node
    target: Tensor
    lowering: Lowering | None


@contextmanager
def _naming(node: Node) -> Iterator[None]:
    """Let errors begin with the name of the node."""
    try:
        yield
    except NpuError as error:
        where = "" if str(error).startswith(node.name) else f"{node.name}: "
        raise type(error)(f"{where}{error}") from None


class Compiler:
    """The state of a compilation; `run` emits, `program` collects.

    First every node is lowered: what will be emitted is known, and nothing has a place. Then the
    tensors that stay on chip are chosen (residency.py), and last the units are emitted in order,
    the others placed in DRAM as they come.
    """

    def __init__(self, network: Network, machine: Machine, rule: Rule, keep: bool) -> None:
        self.network, self.machine, self.rule, self.keep = network, machine, rule, keep
        self.emitter = Emitter(machine)
        self.constants, self.arena = Constants(machine), Arena()
        self.forms: dict[str, Form] = {}
        self.stored: dict[str, Stored] = {}
        self.roots = {name: name for name in network.tensors}
        self.pads = folded_pads(network)
        self.shuffles, self.inside_shuffles = channel_shuffles(network)
        self.folds: dict[str, FoldedInput] = {}
        self.fused: dict[str, Node] = {}
        self.steps: list[Step] = []
        self._computed: list[_Unit] = []
        """What the machine computes, in order."""
        self.run_start = 0
        self._units: list[_Unit] = []
        self._in_dram: set[Spot] = set()
        """Of tensors that something reads or writes which knows DRAM alone."""
        self._read: list[Spot] = []
        """By the lowering that is being made."""
        self._last = self._last_readers()

    def _last_readers(self) -> dict[str, int]:
        last = {}
        for place, node in enumerate(self.network.nodes):
            for name in (*node.inputs, *node.outputs):
                last[name] = place
        for output, (node, _) in self.pads.items():
            last[node.inputs[0]] = max(last[node.inputs[0]], last[output])
        for output, shuffle in self.shuffles.items():
            writer = self.network.producer[output]
            last[shuffle.source] = max(last[shuffle.source], self.network.nodes.index(writer))
        for name in self.network.outputs:
            last[name] = len(self.network.nodes)
        return last

    def run(self) -> None:
        """Emit every node."""
        for name in self.network.inputs:
            self._describe_input(name)
        for place, node in enumerate(self.network.nodes):
            self._lower(place, node)
        self._in_dram |= {self.stored[name].spot for name in self.network.outputs}
        self._emit()

    def _emit(self) -> None:
        lowerings = [unit.lowering for unit in self._units]
        residency = None if self.keep else Residency(lowerings, self.machine, self._in_dram)
        held: dict[str, int] = {}
        for name in self.network.inputs:
            self._place(name, held)
        for number, unit in enumerate(self._units):
            if residency is not None:
                self.emitter.act_first, self.emitter.act_banks = residency.window(number)
            self._emit_unit(unit, held, residency)
            if not self.keep:
                for name in [name for name in held if self._last[name] <= unit.place]:
                    self.arena.free(held.pop(name))
        self._end_run()

    def _place(self, name: str, held: dict[str, int]) -> None:
        """Give a tensor space in DRAM."""
        stored = self.stored[name]
        stored.spot.offset_bytes = held[name] = self.arena.place(stored.bytes)

    def _emit_unit(self, unit: _Unit, held: dict[str, int], residency: Residency | None) -> None:
        name = unit.target.name
        stored = self.stored[name]
        if unit.lowering is None:
            self._end_run()
            for output in unit.node.outputs:
                self._place(output, held)
            self._host(unit.node)
            return
        if stored.kept is None:
            self._place(name, held)
        elif residency is not None:
            border = residency.borders[stored.spot]
            emit_border(self.emitter, self.constants, stored, stored.kept, border)
        with _naming(unit.node):
            unit.lowering(stored)
        self.emitter.end_layer()
        self._computed.append(unit)

    def _describe_input(self, name: str) -> None:
        """Say how an input lies; where a transpose is all that reads it, as its output lies."""
        readers = self.network.consumers[name]
        tensor = self.network.tensors[name]
        if len(readers) == 1 and name not in self.network.outputs and is_byte(tensor):
            operator = readers[0].operator
            if isinstance(operator, op.Transpose) and operator.order[0] == 0:
                output = self.network.output_of(readers[0])
                self._describe_written_by_host(tensor, output, operator.order)
                return
        self._describe_written_by_host(tensor, tensor)

    def _describe_written_by_host(
        self, tensor: Tensor, seen: Tensor, order: tuple[int, ...] | None = None
    ) -> None:
        """Say how a tensor that the machine only reads lies: as `seen`, its reader's input."""
        folds = folded_inputs(self.network, seen.name, self.pads, self.machine)
        self.folds |= folds
        if seen.name in folds:
            self.folds[tensor.name] = folds[seen.name]
        form = self._form(seen)
        self._describe(tensor, form if order is None else replace(form, order=order))
        self._in_dram.add(self.stored[tensor.name].spot)

    def _form(self, tensor: Tensor) -> Form:
        form = form_of(tensor)
        if tensor.name not in self.folds:
            return form
        folded = self.folds[tensor.name]
        return Form(folded.fold.height, folded.fold.width, folded.channels, form.order)

    def _describe(self, tensor: Tensor, form: Form) -> None:
        """Let `tensor` be one of its own, of form `form`."""
        self._last.setdefault(tensor.name, 0)
        self.forms[tensor.name] = form
        self.stored[tensor.name] = self._as_stored(tensor, form, Spot(TENSORS))

    def _as_stored(self, tensor: Tensor, form: Form, spot: Spot) -> Stored:
        return Stored(
            tensor.name, *form.sizes, tensor.dtype == np.uint8, self.machine.size,
            self.machine.bus.bus_bytes, spot,
        )  # fmt: skip

    def _rename(self, source: str, target: Tensor, form: Form) -> None:
        """Let `target` be what `source` stores, seen as `form`."""
        root = self.roots[source]
        self.roots[target.name] = root
        self._last[root] = max(self._last[root], self._last[target.name])
        self.forms[target.name] = form
        spot = self.stored[source].spot
        self._in_dram.add(spot)
        self.stored[target.name] = self._as_stored(target, form, spot)

    def _lower(self, place: int, node: Node) -> None:
        target = self.network.output_of(node)
        if target.name in self.pads or target.name in self.inside_shuffles:
            return
        if node in self.fused.values():
            return
        shuffle = self.shuffles.get(target.name)
        if shuffle is None and self._renamed(node, target):
            return
        self._read = []
        with _naming(node):
            if shuffle is not None:
                lowering: Lowering | None = lower_shuffle.lower(shuffle, self)
            else:
                lowering = lower_node(self.network, node, self)
        if lowering is None:
            self._in_dram |= {self.stored[name].spot for name in node.inputs if name in self.stored}
            for output in self.network.outputs_of(node):
                self._describe_written_by_host(output, output)
            self._units.append(_Unit(place, node, target, None))
            return
        if target.name in self.fused:
            target = self.network.output_of(self.fused[target.name])
        self._describe(target, self._form(target))
        if isinstance(lowering, LinearLowering | PoolLowering):
            lowering = lowering.to(self.stored[target.name])
        in_act = reads(lowering)
        self._in_dram |= {spot for spot in self._read if spot not in in_act}
        self._units.append(_Unit(place, node, target, lowering))

    def _renamed(self, node: Node, target: Tensor) -> bool:
        """Take a node that moves nothing as another name of its input."""
        name = node.inputs[0]
        if name not in self.forms or not is_byte(target):
            return False
        old, new = self.forms[name], self._form(target)
        operator = node.operator
        if isinstance(operator, op.Transpose):
            if old.order == operator.order and old.sizes == new.sizes:
                self._rename(name, target, new)
                return True
            moved = [
                axis for axis in operator.order if target.shape[operator.order.index(axis)] > 1
            ]
            if moved != sorted(moved):
                return False
        elif not isinstance(operator, op.Reshape):
            return False
        if is_renaming(self.machine, old, new):
            self._rename(name, target, new)
            return True
        readers = self.network.consumers[target.name]
        deferred = readers and all(
            isinstance(r.operator, op.Reshape) or flattens(self.network, r, target.name)
            for r in readers
        )
        is_plain = old.order == tuple(range(len(old.order)))
        if deferred and is_plain and target.name not in self.network.outputs:
            self._rename(name, target, replace(old, order=tuple(range(len(target.shape)))))
            return True
        return False

    def source(self, name: str) -> Stored:
        """Return where input `name` of a node lies; a constant is placed with the weights."""
        if name in self.stored:
            self._read.append(self.stored[name].spot)
            return self.stored[name]
        tensor = self.network.tensors[name]
        data = tensor.data
        if data is None or not is_byte(tensor):
            raise UnsupportedError(f"{name}: expected 8-bit values, found {tensor.dtype}")
        form = form_of(tensor)
        stored = self._as_stored(tensor, form, Spot(CONSTANTS))
        values = data.reshape(form.sizes)
        stored.spot.offset_bytes = self.constants.place(
            stored.bytes, lambda: pack(values, self.machine.size, self.machine.bus.bus_bytes)
        )
        self.stored[name] = stored
        return stored

    def as_stored(self, tensor: Tensor) -> Stored:
        """Return how a tensor will lie, without a place yet."""
        return self._as_stored(tensor, self._form(tensor), Spot(TENSORS))

    def addition(self, node: Node) -> Node | None:
        """Return the Add that may become a part of `node`, its other operand stored by now."""
        add = addition_behind(self.network, node)
        if add is None:
            return None
        other = add.inputs[add.inputs[0] == node.outputs[0]]
        return add if other in self.stored and self.lies_as_is(other) else None

    def lies_as_is(self, name: str) -> bool:
        """Return whether a tensor's axes lie in their own order, with the sizes of its shape."""
        return name not in self.forms or self.forms[name] == form_of(self.network.tensors[name])

    def _host(self, node: Node) -> None:
        """Let the host compute `node`, its inputs being stored."""
        inputs = [x for x in self.network.inputs_of(node) if not x.is_constant]
        outputs = self.network.outputs_of(node)
        read, written = (sum(prod(x.shape) for x in tensors) for tensors in (inputs, outputs))
        moved = sum(prod(x.shape) * x.dtype.itemsize for x in (*inputs, *outputs))
        work = Step(
            "host", len(self.emitter), 0, node.name, node.kind, max(read, written),
            layer_macs(self.network, node), moved,
        )  # fmt: skip
        self.steps.append(work)

    def _end_run(self) -> None:
        if self.emitter.is_empty:
            return
        self.emitter.finish()
        count = len(self.emitter) - self.run_start
        self.steps.append(Step("run", self.run_start, count))
        self.run_start = len(self.emitter)

    def program(self, with_data: bool) -> Program:
        """Return the program, with the bytes of its constants where they are asked for."""
        network = self.network
        places = []
        for name, form in self.forms.items():
            tensor, stored = network.tensors[name], self.stored[name]
            if stored.kept is not None:
                continue
            places.append(
                Place(
                    name, tensor.dtype.name, tensor.shape, form.order, *form.sizes,
                    stored.spot.region, stored.spot.offset_bytes,
                    self.folds[name].fold.numbers if name in self.folds else (),
                )
            )  # fmt: skip
        page = self.arena.size_bytes
        image = self.constants.image() if with_data else b""
        return Program(
            name=network.name,
            machine=self.machine,
            requant=self.rule,
            instructions=self.emitter.instructions(),
            regions=(
                Region("constants", max(self.constants.size_bytes, 64), image),
                Region("tensors", page),
            ),
            places=tuple(places),
            inputs=network.inputs,
            outputs=network.outputs,
            steps=tuple(self.steps),
            layers=tuple(
                Layer(
                    unit.node.name,
                    unit.node.kind,
                    first,
                    count,
                    layer_macs(network, unit.node),
                    unit.target.name,
                    early,
                )
                for unit, (first, count, early) in zip(
                    self._computed, self.emitter.layers(), strict=True
                )
            ),
        )
