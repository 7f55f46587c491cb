"""The kernels engine: a network prepared once, then run layer by layer on batches.

`prepare` takes every decision (constants, kernels, places of values); a run is a walk over bound
functions. Samples are cut into blocks whose activations stay in the cache, and the blocks are
shared among threads; a network that mixes the samples of a batch runs one declared batch at a time,
and so does a network with state, each of whose runs begins with what the last one left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import prod
from threading import Lock
from time import perf_counter_ns
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npusim.arguments import require_count, require_type
from npusim.errors import CapacityError, UnsupportedError
from npusim.graph.batch import keeps_samples_apart, smallest_block
from npusim.graph.network import Network, Node
from npusim.kernels.threads import pool
from npusim.operators.steps import steps_of
from npusim.prepared.arena import in_one_arena
from npusim.prepared.inputs import network_inputs, require_one_run, run_of, runs_in
from npusim.prepared.plan import Plan, plan_of
from npusim.prepared.workspace import LARGEST_BYTES, MOST_KINDS_OF_RUN, Workspace
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule

BLOCK_BYTES = 1 << 22
"""A block holds as many samples as keep its largest activation below this, and at least one."""


def prepare(network: Network, rule: Rule | Literal["auto"] = "auto") -> Prepared:
    """Return `network` ready to run under `rule`, by default that of the file's own runtime.

    Raises
    ------
    UnsupportedError, RangeError
        A layer asks for what the engine does not compute.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    return Prepared(network, resolve_rule(network, rule))


def _run_again(idle: list[Workspace], x: dict[str, NDArray]) -> dict[str, NDArray] | None:
    """Return the result for `x` from an idle workspace, None if none is or `x` is not its kind."""
    try:
        workspace = idle.pop()
    except IndexError:  # a first run, or another thread was faster
        return None
    outputs = workspace.run(x)
    idle.append(workspace)
    return outputs


class Prepared:
    """A network ready to run under one rounding rule; `prepare` makes one.

    State is kept from run to run until `reset`; runs of several threads then wait for each other.
    """

    def __init__(self, network: Network, rule: Rule) -> None:
        self.network = network
        self.rule = rule
        self.separable = keeps_samples_apart(network)
        self._together = smallest_block(network) if self.separable else 1
        self.functions = steps_of(network, rule)
        self._varies = any(tensor.varies for tensor in network.tensors.values())
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._workspaces: dict[Hashable, list[Workspace]] = {}
        self._last: list[Workspace] = []
        self._one_run_at_a_time: AbstractContextManager[Any] = (
            Lock() if network.state else nullcontext()
        )
        self.reset()
        sizes = [
            prod(tensor.shape[1:] if self.separable else tensor.shape) * tensor.dtype.itemsize
            for tensor in network.tensors.values()
            if not tensor.is_constant
        ]
        self._largest, self._sample_bytes = max(sizes, default=0), sum(sizes)

    def reset(self) -> None:
        """Let the next sample begin with the state's initial values."""
        self._state = [state.initial for state in self.network.state]

    @property
    def state(self) -> dict[str, NDArray]:
        """What the next sample begins with, by the name of the state's value, as in the file."""
        return {
            state.value: self.network.tensors[state.value].in_file_order(value)
            for state, value in zip(self.network.state, self._state, strict=True)
        }

    def run(
        self,
        x: NDArray | Mapping[str, NDArray],
        *,
        threads: int = 1,
        batch: int | None = None,
        keep: Collection[str] | None = None,
        reset_state: bool = False,
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
        reset_state
            Whether every sample begins with the state's initial values: no steps in time, then.
        nanoseconds : int64 [layers]
            Receives each layer's wall time, added up over blocks (which overlap where threads do).
        progress
            Called with (layers done, layers in all), counted over all blocks.

        Raises
        ------
        ShapeError, RangeError, UnsupportedError
            `x` does not fit the network, or a kept name is not one of its tensors.
        """
        quick = batch is None and nanoseconds is None and progress is None
        if quick and keep is None and type(threads) is int and threads == 1 and type(x) is dict:
            outputs = _run_again(self._last, x)
            if outputs is not None:
                return outputs
        require_count("threads", threads)
        require_count("batch", batch)
        names = self.network.outputs if keep is None else tuple(keep)
        if isinstance(x, np.ndarray) and len(self.network.inputs) == 1:
            x = {self.network.inputs[0]: x}
        quick = quick and threads == 1 and not self.network.state and not self._varies
        kind = self._kind_of_run(names, x) if quick else None
        idle = self._workspaces.get(kind)
        if idle and isinstance(x, dict):
            if keep is None:
                self._last = idle
            outputs = _run_again(idle, x)
            if outputs is not None:
                return outputs
        plan = self._plan(names)
        inputs = network_inputs(self.network, x, whole=not self.separable)
        blocks = self._blocks(inputs, threads, batch)
        require_one_run(self.network, names, len(blocks))
        inner = threads if self.network.state else max(1, threads // len(blocks))
        all_layers = len(blocks) * len(plan.layers)
        done = 0

        def run_block(block: list[NDArray]) -> tuple[list[NDArray], list[int]]:
            nonlocal done
            if reset_state:
                self.reset()
            values: list[Any] = list(plan.contents)
            values[: len(block)] = block
            for (slot, _), value in zip(plan.state, self._state, strict=True):
                values[slot] = value
            clock = [perf_counter_ns()]
            for node, layer in zip(self.network.nodes, plan.layers, strict=True):
                try:
                    layer.run(inner, values)
                except MemoryError as error:
                    raise CapacityError(f"{_output(node, self.network)}: {error}") from None
                for slot in layer.dead:
                    values[slot] = None
                clock.append(perf_counter_ns())
                if progress is not None:
                    done += 1
                    progress(done, all_layers)
            self._state = [_kept(values[update]) for _, update in plan.state]
            return [values[slot] for slot in plan.kept], clock

        if self.network.state or len(blocks) == 1 or threads == 1:
            with self._one_run_at_a_time:
                results = [run_block(block) for block in blocks]
        else:
            results = list(pool("block", threads).map(run_block, blocks))
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

    def bind(self, x: NDArray | Mapping[str, NDArray]) -> Workspace:
        """Return the run on inputs like `x` with its arrays bound, for one thread at a time.

        Calling what is returned computes `outputs` from what is written into `inputs`, arrays by
        name in the file's layout that hold `x` now. Nothing is checked or copied then: integers are
        the network's own, and floats have to be finite.

        Raises
        ------
        ShapeError, RangeError, UnsupportedError
            `x` does not fit the network, or the network has state or sizes known only at run.
        """
        if self.network.state or self._varies:
            what = "state" if self.network.state else "sizes that are known only at run"
            raise UnsupportedError(f"{self.network.name}: a network with {what} cannot be bound")
        inputs = network_inputs(self.network, x, whole=not self.separable)
        block = list(inputs.values())
        if not self.separable:
            block, *others = self._blocks(inputs, 1, None)
            if others:
                raise UnsupportedError(
                    f"{self.network.name}: the network mixes the samples of a batch; "
                    f"expected the inputs of one run, found {1 + len(others)}"
                )
        return self._workspace(self.network.outputs, block)

    def _workspace(self, names: tuple[str, ...], block: list[NDArray]) -> Workspace:
        """Return the run on inputs like `block` with its arrays bound."""
        plan = self._plan(names)
        buffers = [array.copy() for array in block]
        values: list[Any] = list(plan.contents)
        values[: len(block)] = buffers
        for layer in plan.layers:
            layer.run(1, values)
        held = [slot for slot, content in enumerate(plan.contents) if content is not None]
        own = {*range(len(block)), *held, *plan.kept}
        values, _ = in_one_arena(values, plan.layers, own)
        steps = [(layer.function, layer.sources, layer.targets) for layer in plan.layers]
        shown = {
            name: self.network.tensors[name].in_file_order(buffer)
            for name, buffer in zip(self.network.inputs, buffers, strict=True)
        }
        outputs = {
            name: self._joined(name, [values[slot]])
            for name, slot in zip(names, plan.kept, strict=True)
        }
        return Workspace(values, steps, shown, outputs)

    def _keep_workspace(
        self, kind: Hashable, names: tuple[str, ...], x: Mapping[str, NDArray], block: list[NDArray]
    ) -> None:
        """Leave a workspace for the next run like this one, where the network is small enough.

        Inputs that had to be converted get none.
        """
        samples = len(block[0]) if self.separable else 1
        if self._sample_bytes * samples > LARGEST_BYTES:
            return
        for name, array in zip(self.network.inputs, block, strict=True):
            shown = self.network.tensors[name].in_file_order(array)
            if x[name].dtype != shown.dtype or x[name].shape != shown.shape:
                return
        if len(self._workspaces) == MOST_KINDS_OF_RUN:
            self._workspaces.clear()
        self._workspaces.setdefault(kind, []).append(self._workspace(names, block))

    def _plan(self, names: tuple[str, ...]) -> Plan:
        if names not in self._plans:
            self._plans[names] = plan_of(self.network, self.functions, names)
        return self._plans[names]

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
        size = -(-size // self._together) * self._together
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


def _output(node: Node, network: Network) -> str:
    """Return in words what `node` writes."""
    tensor = network.output_of(node)
    shape = list(tensor.shape)
    return f"{node.name}: no memory for {tensor.name}, {tensor.dtype} {shape} a sample"


def _kept(value: NDArray) -> NDArray:
    """Return `value` for the next sample: nobody else may hold its memory, nor write it."""
    value = value.copy()
    value.flags.writeable = False
    return value
