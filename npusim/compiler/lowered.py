"""A network's nodes, lowered: what will be emitted is known, and nothing has a place yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from npusim import operators as op
from npusim.compiler.context import InPlace, Lowering
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import CONSTANTS, TENSORS, Arena, Constants, Spot, Stored
from npusim.compiler.graph.byte_islands import byte_islands
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
from npusim.compiler.graph.shuffle import channel_shuffles
from npusim.compiler.lower import byte_island as lower_byte_island
from npusim.compiler.lower import shuffle as lower_shuffle
from npusim.compiler.lower.lowerings import lower_node
from npusim.compiler.sample_by_sample import lower_each_sample
from npusim.errors import NpuError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.isa.layout import pack
from npusim.machines import Machine
from npusim.words import Rule


@dataclass(frozen=True, eq=False)
class Unit:
    """A node that does something: on the machine by its lowering, else on the host."""

    place: int
    node: Node
    targets: tuple[Tensor, ...]
    lowering: Lowering | None
    before: tuple[Node, ...] = ()
    """Nodes that are computed together with it, in the same bands of rows."""


@contextmanager
def naming(node: Node) -> Iterator[None]:
    """Let errors begin with the name of the node."""
    try:
        yield
    except NpuError as error:
        where = "" if str(error).startswith(node.name) else f"{node.name}: "
        raise type(error)(f"{where}{error}") from None


class LoweredNetwork:
    """The units of a network in order, and how each tensor lies: what lowerings see (Context)."""

    def __init__(
        self,
        network: Network,
        machine: Machine,
        rule: Rule,
        emitter: Emitter,
        constants: Constants,
        arena: Arena,
        samples: int,
    ) -> None:
        self.network, self.machine, self.rule, self.samples = network, machine, rule, samples
        self.emitter, self.constants, self.arena = emitter, constants, arena
        self._scratches: list[int] = []
        self.units: list[Unit] = []
        self.forms: dict[str, Form] = {}
        self.stored: dict[str, Stored] = {}
        self._spots: dict[str, Spot] = {}
        """Of the tensors that something computes or the host writes."""
        self.in_dram: set[Spot] = set()
        """Of tensors that something reads or writes which knows DRAM alone."""
        self.roots = {name: name for name in network.tensors}
        self.pads = folded_pads(network)
        self.shuffles, inside_shuffles = channel_shuffles(network)
        self.islands, inside_islands = byte_islands(network, rule)
        self.inside = inside_shuffles | inside_islands
        """Tensors that have no place, for what they are a step of is lowered whole."""
        self.folds: dict[str, FoldedInput] = {}
        self.fused: dict[str, Node] = {}
        self.last_readers = self._last_readers()
        self._read: list[Spot] = []
        """By the lowering that is being made."""
        for name in network.inputs:
            self._describe_input(name)
        for index, node in enumerate(network.nodes):
            self._lower(index, node)
        for name in network.outputs:
            if name not in self.stored:
                self._place_constant(name)
                self.forms[name] = form_of(network.tensors[name])
        self.in_dram |= {self.stored[name].spot for name in network.outputs}

    def _last_readers(self) -> dict[str, int]:
        last = {}
        for index, node in enumerate(self.network.nodes):
            for name in (*node.inputs, *node.outputs):
                last[name] = index
        for output, (node, _) in self.pads.items():
            last[node.inputs[0]] = max(last[node.inputs[0]], last[output])
        sources = {output: shuffle.source for output, shuffle in self.shuffles.items()}
        sources |= {output: island.source for output, island in self.islands.items()}
        for output, source in sources.items():
            writer = self.network.producer[output]
            last[source] = max(last[source], self.network.nodes.index(writer))
        for name in self.network.outputs:
            last[name] = len(self.network.nodes)
        return last

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
        self.in_dram.add(self.stored[tensor.name].spot)

    def _form(self, tensor: Tensor) -> Form:
        form = form_of(tensor)
        if tensor.name not in self.folds:
            return form
        folded = self.folds[tensor.name]
        return Form(
            self.samples * folded.fold.height, folded.fold.width, folded.channels, form.order
        )

    def _describe(self, tensor: Tensor, form: Form) -> None:
        """Let `tensor` be one of its own, of form `form`."""
        self.last_readers.setdefault(tensor.name, 0)
        self.forms[tensor.name] = form
        self.stored[tensor.name] = self._as_stored(tensor, form, self._spot(tensor))

    def _spot(self, tensor: Tensor) -> Spot:
        return self._spots.setdefault(tensor.name, Spot(TENSORS))

    def _as_stored(self, tensor: Tensor, form: Form, spot: Spot) -> Stored:
        return Stored(
            tensor.name, *form.sizes, tensor.dtype == np.uint8, self.machine.size,
            self.machine.bus.bus_bytes, spot,
        )  # fmt: skip

    def _rename(self, source: str, target: Tensor, form: Form) -> None:
        """Let `target` be what `source` stores, seen as `form`."""
        root = self.roots[source]
        self.roots[target.name] = root
        self.last_readers[root] = max(self.last_readers[root], self.last_readers[target.name])
        self.forms[target.name] = form
        spot = self.stored[source].spot
        self.in_dram.add(spot)
        self.stored[target.name] = self._as_stored(target, form, spot)

    def _lower(self, index: int, node: Node) -> None:
        target = self.network.output_of(node)
        if target.name in self.pads or target.name in self.inside:
            return
        if node in self.fused.values():
            return
        shuffle, island = self.shuffles.get(target.name), self.islands.get(target.name)
        if shuffle is None and self._renamed(node, target):
            return
        self._read = []
        with naming(node):
            if shuffle is not None:
                lowering: Lowering | None = lower_shuffle.lower(shuffle, self)
            elif island is not None:
                lowering = lower_byte_island.lower(island, self)
            else:
                lowering = lower_node(self.network, node, self)
                if lowering is None and self.samples > 1:
                    lowering = lower_each_sample(self.network, node, self)
        if lowering is None:
            self._leave_to_host(index, node)
            return
        targets = tuple(self.network.outputs_of(node))
        if target.name in self.fused:
            target = self.network.output_of(self.fused[target.name])
            targets = (target,)
        for output in targets:
            self._describe(output, self._form(output))
        in_act = lowering.reads if isinstance(lowering, InPlace) else ()
        self.in_dram |= {spot for spot in self._read if spot not in in_act}
        self.units.append(Unit(index, node, targets, lowering))

    def _leave_to_host(self, index: int, node: Node) -> None:
        """Take a node as one that the host computes, padding that it was to be lowered with too."""
        for name in node.inputs:
            if name in self.pads:
                pad, _ = self.pads.pop(name)
                if pad.inputs[0] in self.folds:
                    self._leave_to_host(index, pad)
                else:
                    self._lower(index, pad)
        self.in_dram |= {self.stored[name].spot for name in node.inputs if name in self.stored}
        for output in self.network.outputs_of(node):
            self._describe_written_by_host(output, output)
        self.units.append(Unit(index, node, (self.network.output_of(node),), None))

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
        if tensor.data is None or not is_byte(tensor):
            raise UnsupportedError(f"{name}: expected 8-bit values, found {tensor.dtype}")
        return self._place_constant(name)

    def _place_constant(self, name: str) -> Stored:
        tensor = self.network.tensors[name]
        assert tensor.data is not None, name
        form = form_of(tensor)
        stored = self._as_stored(tensor, form, Spot(CONSTANTS))
        values = np.ascontiguousarray(tensor.data).reshape(-1).view(np.uint8).reshape(form.sizes)
        stored.spot.offset_bytes = self.constants.place(
            stored.bytes, lambda: pack(values, self.machine.size, self.machine.bus.bus_bytes)
        )
        self.stored[name] = stored
        return stored

    def as_stored(self, tensor: Tensor) -> Stored:
        """Return how a tensor will lie, without a place yet."""
        return self._as_stored(tensor, self._form(tensor), self._spot(tensor))

    def scratch(self, pixels: int, channels: int, unsigned: bool) -> Stored:
        """Return DRAM for one row of pixels, until the node's instructions are emitted."""
        stored = Stored(
            "scratch", 1, pixels, channels, unsigned, self.machine.size,
            self.machine.bus.bus_bytes, Spot(TENSORS),
        )  # fmt: skip
        stored.spot.offset_bytes = self.arena.place(stored.bytes)
        self._scratches.append(stored.spot.offset_bytes)
        return stored

    def free_scratches(self) -> None:
        """Give back what `scratch` returned."""
        while self._scratches:
            self.arena.free(self._scratches.pop())

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
