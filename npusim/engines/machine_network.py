"""A compiled network on samples: runs on a machine, host operators between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.compile import compile_network
from npusim.engines.bound_execution import bind_execution
from npusim.engines.simulation import Simulation
from npusim.engines.tensor_places import TensorPlaces
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network, Node
from npusim.graph.samples import of_samples
from npusim.isa.fold import Fold, fold_pixels, unfold_pixels
from npusim.isa.layout import pack, tensor_bytes, unpack
from npusim.isa.program import Place, Program, Step
from npusim.machines import Machine
from npusim.operators.steps import host_step, value_inputs
from npusim.prepared.inputs import network_inputs, require_one_run, run_of, runs_in
from npusim.prepared.workspace import Workspace
from npusim.runtimes.rule import resolve_rule
from npusim.simulator.run import load_image
from npusim.simulator.timing.timeline import Timeline

Execute = Callable[[Program, Step, NDArray[np.uint8]], Timeline]
"""Carries out one run of a program on a DRAM, in place, and says when everything happened."""


@dataclass(frozen=True, eq=False)
class SampleRun:
    """One execution: the kept tensors in canonical layout, and the cycles of each run."""

    tensors: Mapping[str, NDArray]
    timelines: tuple[Timeline, ...]


class MachineNetwork:
    """A network compiled for a machine, ready to run; `execute`: what runs it, else simulation.

    `samples` as of `compile_network`.
    """

    def __init__(
        self,
        network: Network,
        machine: Machine,
        requant: str = "auto",
        keep_tensors: bool = False,
        execute: Execute | None = None,
        samples: int | None = None,
    ) -> None:
        self.execute: Execute = execute or Simulation()
        self.given = network
        self.separable = keeps_samples_apart(network)
        self.program = compile_network(network, machine, requant, keep_tensors, samples=samples)
        self.network = network = of_samples(network, self.program.samples)
        self.nodes = {node.name: node for node in network.nodes}
        self.dram = load_image(self.program)
        self._places: dict[str, TensorPlaces | None] = {}
        self._varying: dict[str, NDArray] = {}
        """Values whose sizes are known only at run: the host has them to itself."""
        self._timelines: tuple[Timeline, ...] = ()
        """Of the last execution; cycles depend on no data."""
        self._bound: dict[tuple[str, ...], Workspace] = {}
        varies = any(tensor.varies for tensor in network.tensors.values())
        self._can_be_bound = not (self.program.state or varies)
        self._functions = {
            step.node: host_step(network, self.nodes[step.node], resolve_rule(network, requant))
            for step in self.program.steps
            if step.kind == "host"
        }

    def samples_of(self, x: NDArray | Mapping[str, NDArray]) -> int:
        """Return how many samples the inputs hold, or runs where samples are mixed."""
        return self._samples(network_inputs(self.given, x, whole=not self.separable))

    def _samples(self, batches: Mapping[str, NDArray]) -> int:
        if not batches:
            return 1
        name, batch = next(iter(batches.items()))
        return len(batch) if self.separable else runs_in(self.given.tensors[name], batch)

    def _part(self, name: str, batch: NDArray, first: int) -> NDArray:
        """Return what one execution takes of an input, from sample `first` on."""
        each, tensor = self.program.samples, self.network.tensors[name]
        if not self.separable:
            return run_of(tensor, batch, first)
        return _filled(batch[first : first + each], each).reshape(tensor.shape)

    def initial_state(self) -> dict[str, NDArray]:
        """Return what the first sample finds in the tensors that hold the network's state."""
        return {state.value: state.initial for state in self.given.state}

    def first_values(self, x: NDArray | Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return what the first execution takes of the inputs `x`, and the initial state."""
        batches = network_inputs(self.given, x, whole=not self.separable)
        values = {name: self._part(name, batch, 0) for name, batch in batches.items()}
        return values | self.initial_state()

    def run_one(self, values: Mapping[str, NDArray], keep: Collection[str]) -> SampleRun:
        """Return the tensors `keep` for the samples of one execution, canonical."""
        program = self.program
        bound = self._bound_to(tuple(keep))
        if bound is not None:
            for name, value in values.items():
                self._made_places(name).values[...] = value
            bound()
            return SampleRun(
                {name: value.copy() for name, value in bound.outputs.items()}, self._timelines
            )
        for name, value in values.items():
            self._write(name, value)
        timelines = []
        for step in program.steps:
            if step.kind == "run":
                timelines.append(self.execute(program, step, self.dram))
            elif step.kind == "host":
                self.host_step(step)
        kept = {name: self.read(name) for name in keep}
        self._update_state()
        self._timelines = tuple(timelines)
        return SampleRun(kept, self._timelines)

    def _bound_to(self, keep: tuple[str, ...]) -> Workspace | None:
        """Return the execution that leaves `keep`, bound; None where it cannot be, or not yet."""
        if keep in self._bound:
            return self._bound[keep]
        if not self._can_be_bound or not isinstance(self.execute, Simulation):
            return None
        calls = {step: self.execute.call(step) for step in self.program.runs()}
        known = {step: call for step, call in calls.items() if call is not None}
        if len(known) < len(calls) or not self._timelines:
            return None
        self._bound[keep] = bind_execution(
            self.program, self.network, self._made_places, known, self._functions, keep
        )
        return self._bound[keep]

    def _update_state(self) -> None:
        """Let the next execution find what this one leaves; all is read before it is written."""
        left = [(kept.value, self.read(kept.update)) for kept in self.program.state]
        for name, value in left:
            self._write(name, value)

    def host_step(self, step: Step) -> None:
        """Carry out a host operator on the DRAM."""
        node: Node = self.nodes[step.node]
        inputs = [self.read(name) for name in value_inputs(node)]
        found = self._functions[step.node](1, *inputs)
        outputs = (found,) if len(node.outputs) == 1 else found
        for name, output in zip(node.outputs, outputs, strict=True):
            if self.network.tensors[name].varies:
                self._varying[name] = np.asarray(output)
            else:
                self._write(name, np.asarray(output))

    def _places_of(self, name: str) -> TensorPlaces | None:
        """Return where the bytes of a tensor lie, from its second move on: once is sooner done."""
        if name not in self._places:
            self._places[name] = None
            return None
        return self._made_places(name)

    def _made_places(self, name: str) -> TensorPlaces:
        found = self._places.get(name)
        if found is None:
            place = self.program.place(name)
            span, _ = _span(self.program, place)
            lay = partial(_image, self.program, place)
            found = TensorPlaces(self.dram, span.start, place.shape, place.dtype, lay)
            self._places[name] = found
        return found

    def _write(self, name: str, value: NDArray) -> None:
        """Lay tensor `name`, canonical, into the DRAM."""
        places = self._places_of(name)
        if places is None:
            write_tensor(self.program, self.dram, name, value)
        else:
            places.write(value)

    def read(self, name: str) -> NDArray:
        """Return tensor `name`, canonical, as DRAM (or the file, for a constant) holds it."""
        if name in self._varying:
            return self._varying[name]
        data = self.network.tensors[name].data
        if data is not None:
            return data
        places = self._places_of(name)
        return read_tensor(self.program, self.dram, name) if places is None else places.read()

    def run(
        self,
        x: NDArray | Mapping[str, NDArray],
        keep: Collection[str] | None = None,
        *,
        reset_state: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[dict[str, NDArray], list[SampleRun]]:
        """Return the kept tensors of all samples of `x`, in the file's layout, and each run.

        Samples are steps in time, the first of which begins with the initial state; with
        `reset_state` every one does. Where the program takes several at once, the last execution is
        filled up with zeros. `progress` is called with (samples done, samples in all).
        """
        names = self.given.outputs if keep is None else tuple(keep)
        bound = self._bound.get(names)
        if bound is not None and type(x) is dict and progress is None:
            found = bound.run(x)
            if found is not None:
                shown = {
                    name: self.network.tensors[name].in_file_order(found[name]) for name in names
                }
                return shown, [SampleRun(found, self._timelines)]
        kept = dict.fromkeys(names)
        batches = network_inputs(self.given, x, whole=not self.separable)
        samples = self._samples(batches)
        require_one_run(self.network, names, samples)
        state, runs, each = self.initial_state(), [], self.program.samples
        for first in range(0, samples, each):
            part = {name: self._part(name, batch, first) for name, batch in batches.items()}
            runs.append(self.run_one(part | state, kept))
            if not reset_state:
                state = {}
            if progress is not None:
                progress(min(first + each, samples), samples)
        joined = {}
        for name in names:
            tensor = self.network.tensors[name]
            values = [run.tensors[name] for run in runs]
            if tensor.is_constant or (len(values) == 1 and each == 1):
                joined[name] = tensor.in_file_order(values[0])
            elif tensor.shape:
                whole = np.concatenate(values)
                joined[name] = tensor.in_file_order(whole[:samples] if self.separable else whole)
            else:
                joined[name] = np.stack(values)
        return joined, runs


def _filled(values: NDArray, count: int) -> NDArray:
    """Return `values` [N ...] with zeros behind, so that there are `count`."""
    missing = np.zeros((count - len(values), *values.shape[1:]), values.dtype)
    return np.concatenate([values, missing]) if len(missing) else values


def _span(program: Program, place: Place) -> tuple[slice, tuple[int, ...]]:
    size, bus = program.machine.size, program.machine.bus.bus_bytes
    sizes = (place.height, place.width, place.channels)
    start = program.region_addresses()[place.region] + place.offset_bytes
    return slice(start, start + tensor_bytes(*sizes, size, bus)), (*sizes, size, bus)


def write_tensor(program: Program, dram: NDArray[np.uint8], name: str, value: NDArray) -> None:
    """Lay `value` (canonical) into the DRAM as the program's place for tensor `name` says."""
    place = program.place(name)
    dram[_span(program, place)[0]] = _image(program, place, value)


def _image(program: Program, place: Place, value: NDArray) -> NDArray[np.uint8]:
    """Return the bytes of `value` (canonical) as a place of the program has them."""
    _, (height, width, channels, size, bus) = _span(program, place)
    laid = np.ascontiguousarray(value.transpose(place.order))
    flat = laid.reshape(-1).view(np.uint8)
    if place.fold:
        fold = Fold.of(place.fold)
        flat = np.stack([fold_pixels(one, fold) for one in flat.reshape(laid.shape)])
    image = pack(flat.reshape(height, width, channels), size, bus)
    return np.frombuffer(image, np.uint8)


def read_tensor(program: Program, dram: NDArray[np.uint8], name: str) -> NDArray:
    """Return tensor `name` (canonical) from the DRAM."""
    place = program.place(name)
    span, sizes = _span(program, place)
    stored = unpack(dram[span], *sizes)
    shape = [place.shape[axis] for axis in place.order]
    if place.fold:
        fold = Fold.of(place.fold)
        samples = stored.reshape(shape[0], -1, *stored.shape[1:])
        stored = np.stack([unfold_pixels(one, fold, *shape[1:3]) for one in samples])
    values = stored.reshape(-1).view(place.dtype)
    inverse = np.argsort(place.order) if place.order else ()
    return values.reshape(shape).transpose(tuple(inverse))
