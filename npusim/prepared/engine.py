"""The kernels engine: a network prepared once, then run layer by layer on batches.

`prepare` takes every decision (constants, kernels, places of values); a run is a walk over bound
functions. Samples are cut into blocks whose activations stay in the cache, and the blocks are
shared among threads; a network that mixes the samples of a batch runs one declared batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from math import prod
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network, Node
from npusim.operators.page import Step
from npusim.operators.steps import step as node_step
from npusim.prepared.inputs import network_inputs, run_of, runs_in
from npusim.prepared.workspace import LARGEST_BYTES, MOST_KINDS_OF_RUN, Workspace
from npusim.words import Rule

BLOCK_BYTES = 1 << 22
"""A block holds as many samples as keep its largest activation below this, and at least one."""


def prepare(network: Network, rule: Rule) -> Prepared:
    """Return `network` ready to run under `rule`.

    Raises
    ------
    UnsupportedError, RangeError
        The network is float, or a layer asks for what the engine does not compute.
    """
    if not network.is_integer:
        raise UnsupportedError(
            f"{network.name}: its weights are float32; quantize it first (npusim quantize)"
        )
    return Prepared(network, rule)


@dataclass(frozen=True)
class _Layer:
    """One step in place: its function, the slots it reads and writes, and those it lets go."""

    function: Step
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    dead: tuple[int, ...]

    def run(self, threads: int, values: list[Any]) -> None:
        """Compute the targets' values from the sources'."""
        y = self.function(threads, *[values[source] for source in self.sources])
        if len(self.targets) == 1:
            values[self.targets[0]] = y
            return
        for target, output in zip(self.targets, y, strict=True):
            values[target] = output


@dataclass(frozen=True)
class _Plan:
    """The layers with the places of their values, for one choice of kept tensors."""

    layers: tuple[_Layer, ...]
    contents: tuple[NDArray | None, ...]
    kept: tuple[int, ...]


def value_inputs(node: Node) -> tuple[str, ...]:
    """Return the inputs that a step reads when it runs; weights and biases are bound before."""
    if isinstance(node.operator, op.Conv2D | op.FullyConnected):
        return node.inputs[:1]
    return node.inputs


def _run_again(idle: list[Workspace], x: Mapping[str, NDArray]) -> dict[str, NDArray] | None:
    """Return the result for `x` from one of its kind's workspaces, None if all are at work."""
    try:
        workspace = idle.pop()
    except IndexError:  # another thread was faster
        return None
    outputs = workspace.run(x)
    idle.append(workspace)
    return outputs


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return the threads that blocks run on; starting them would cost more than a small network."""
    return ThreadPoolExecutor(threads, thread_name_prefix="npusim-block")


class Prepared:
    """A network ready to run under one rounding rule; `prepare` makes one."""

    def __init__(self, network: Network, rule: Rule) -> None:
        self.network = network
        self.rule = rule
        self.separable = keeps_samples_apart(network)
        self.functions = tuple(node_step(network, node, rule) for node in network.nodes)
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._workspaces: dict[Hashable, list[Workspace]] = {}
        sizes = [
            prod(tensor.shape[1:] if self.separable else tensor.shape) * tensor.dtype.itemsize
            for tensor in network.tensors.values()
            if not tensor.is_constant
        ]
        self._largest, self._sample_bytes = max(sizes, default=0), sum(sizes)

    def run(
        self,
        x: NDArray | Mapping[str, NDArray],
        *,
        threads: int = 1,
        batch: int | None = None,
        keep: Collection[str] | None = None,
        nanoseconds: NDArray[np.int64] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, NDArray]:
        """Return the kept tensors for all samples of `x`, by name, in the file's layout.

        Where the network keeps samples apart, they lie along the leading axis of every array. Any
        other runs whole, as its file declares it, once or several times: the runs of an array lie
        one behind the other along its leading axis, those of a scalar make a vector.

        Parameters
        ----------
        x
            One array, or arrays by name; see `inputs.network_inputs`.
        threads
            Processor cores to use; the values do not depend on it.
        batch
            Most samples that a layer takes at once; as many as suit the cache when None.
        keep
            Names of tensors to return; the network's outputs when None. A constant comes as the
            file holds it, whatever the batch.
        nanoseconds : int64 [layers]
            Receives each layer's wall time, added up over blocks (which overlap where threads do).
        progress
            Called with (layers done, layers in all), counted over all blocks.

        Raises
        ------
        ShapeError, RangeError, UnsupportedError
            `x` does not fit the network, or a kept name is not one of its tensors.
        """
        names = self.network.outputs if keep is None else tuple(keep)
        quick = threads == 1 and batch is None and nanoseconds is None and progress is None
        if isinstance(x, np.ndarray) and len(self.network.inputs) == 1:
            x = {self.network.inputs[0]: x}
        kind = self._kind_of_run(names, x) if quick else None
        idle = self._workspaces.get(kind)
        if idle and isinstance(x, dict):
            outputs = _run_again(idle, x)
            if outputs is not None:
                return outputs
        plan = self._plan(names)
        inputs = network_inputs(self.network, x, whole=not self.separable)
        blocks = self._blocks(inputs, threads, batch)
        inner = max(1, threads // len(blocks))
        all_layers = len(blocks) * len(plan.layers)
        done = 0

        def run_block(block: list[NDArray]) -> tuple[list[NDArray], list[int]]:
            nonlocal done
            values = list(plan.contents)
            values[: len(block)] = block
            clock = [perf_counter_ns()]
            for layer in plan.layers:
                layer.run(inner, values)
                for slot in layer.dead:
                    values[slot] = None
                clock.append(perf_counter_ns())
                if progress is not None:
                    done += 1
                    progress(done, all_layers)
            return [values[slot] for slot in plan.kept], clock  # type: ignore[misc]

        if len(blocks) == 1 or threads == 1:
            results = [run_block(block) for block in blocks]
        else:
            results = list(_pool(threads).map(run_block, blocks))
        if nanoseconds is not None:
            for _, clock in results:
                nanoseconds += np.diff(clock)
        if kind is not None and isinstance(x, dict) and len(blocks) == 1:
            self._keep_workspace(kind, names, x, blocks[0])
        outputs = {
            name: self._joined(name, [values[i] for values, _ in results])
            for i, name in enumerate(names)
        }
        for name, output in outputs.items():  # the caller's array stays the caller's
            if any(np.may_share_memory(output, given) for given in inputs.values()):
                outputs[name] = output.copy()
        return outputs

    def _kind_of_run(
        self, names: tuple[str, ...], x: NDArray | Mapping[str, NDArray]
    ) -> Hashable | None:
        """Return what decides whether a run can use another's workspace; None where none can."""
        if type(x) is not dict or len(x) != len(self.network.inputs):
            return None
        kind: list[Hashable] = [names]
        for name in self.network.inputs:
            array = x.get(name)
            if type(array) is not np.ndarray:
                return None
            kind += (array.shape, array.dtype)
        return tuple(kind)

    def _keep_workspace(
        self, kind: Hashable, names: tuple[str, ...], x: Mapping[str, NDArray], block: list[NDArray]
    ) -> None:
        """Leave a workspace for the next run like this one, where the network is small enough.

        Inputs that had to be converted or checked for finite numbers get none.
        """
        plan = self._plan(names)
        buffers = [array.copy() for array in block]
        shown = {}
        for name, buffer in zip(self.network.inputs, buffers, strict=True):
            tensor, given = self.network.tensors[name], x[name]
            shown[name] = tensor.in_file_order(buffer)
            converted = given.dtype != buffer.dtype or given.shape != shown[name].shape
            if converted or tensor.is_float:
                return
        samples = len(block[0]) if self.separable else 1
        if self._sample_bytes * samples > LARGEST_BYTES:
            return
        values: list[Any] = list(plan.contents)
        values[: len(block)] = buffers
        for layer in plan.layers:
            layer.run(1, values)
        steps = [(layer.function, layer.sources, layer.targets) for layer in plan.layers]
        outputs = {
            name: self._joined(name, [values[slot]])
            for name, slot in zip(names, plan.kept, strict=True)
        }
        workspace = Workspace(values, steps, shown, outputs)
        if len(self._workspaces) == MOST_KINDS_OF_RUN:
            self._workspaces.clear()
        self._workspaces.setdefault(kind, []).append(workspace)

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        """Give every value a slot, and let it go after its last reader unless it is kept."""
        if names in self._plans:
            return self._plans[names]
        network = self.network
        unknown = [name for name in names if not self._has_value(name)]
        if unknown:
            raise ShapeError(f"{network.name}: there is no tensor {unknown[0]} to keep")
        slots: dict[str, int] = {}
        for name in (
            *network.inputs,
            *(name for node in network.nodes for name in (*value_inputs(node), *node.outputs)),
            *names,
        ):
            slots.setdefault(name, len(slots))
        data = [network.tensors[name].data for name in slots]
        last_reader = {
            name: i for i, node in enumerate(network.nodes) for name in value_inputs(node)
        }
        layers = tuple(
            _Layer(
                _returns_arrays(function) if self._makes_scalars(node) else function,
                tuple(slots[name] for name in value_inputs(node)),
                tuple(slots[name] for name in node.outputs),
                tuple(
                    slots[name]
                    for name in dict.fromkeys((*value_inputs(node), *node.outputs))
                    if last_reader.get(name, i) == i and name not in names
                ),
            )
            for i, (node, function) in enumerate(zip(network.nodes, self.functions, strict=True))
        )
        plan = _Plan(
            layers,
            tuple(None if array is None else array.copy() for array in data),
            tuple(slots[name] for name in names),
        )
        self._plans[names] = plan
        return plan

    def _makes_scalars(self, node: Node) -> bool:
        return any(not tensor.shape for tensor in self.network.outputs_of(node))

    def _has_value(self, name: str) -> bool:
        network = self.network
        if name in network.inputs or name in network.producer:
            return True
        return name in network.tensors and network.tensors[name].is_constant

    def _blocks(
        self, batches: dict[str, NDArray], threads: int, batch: int | None
    ) -> list[list[NDArray]]:
        """Cut the samples into blocks that run one by one, each in the order of the inputs."""
        inputs = list(batches.values())
        if not self.separable:
            pairs = [(self.network.tensors[name], values) for name, values in batches.items()]
            runs = runs_in(*pairs[0]) if pairs else 1
            return [[run_of(*pair, number) for pair in pairs] for number in range(runs)]
        samples = len(inputs[0])
        size = min(max(BLOCK_BYTES // max(self._largest, 1), 1), -(-samples // threads))
        size = size if batch is None else min(size, batch)
        if size >= samples:
            return [inputs]
        return [
            [values[start : start + size] for values in inputs] for start in range(0, samples, size)
        ]

    def _joined(self, name: str, parts: list[NDArray]) -> NDArray:
        tensor = self.network.tensors[name]
        if tensor.data is not None:
            return tensor.in_file_order(tensor.data)
        if len(parts) == 1:
            return tensor.in_file_order(parts[0])
        if not tensor.shape:
            return np.stack(parts)
        return tensor.in_file_order(np.concatenate(parts))


def _returns_arrays(function: Step) -> Step:
    """Return `function` with arrays of rank 0 where numpy gives its scalars."""

    def step(threads: int, *x: NDArray) -> NDArray | tuple[NDArray, ...]:
        y = function(threads, *x)
        return tuple(np.asarray(z) for z in y) if isinstance(y, tuple) else np.asarray(y)

    return step
