"""Engine `kernels`: layer by layer on this computer, every tensor, fast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from time import perf_counter_ns
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from npusim.engines.engine import Progress, Samples
from npusim.engines.layer_rows import layer_row
from npusim.engines.result import Result
from npusim.graph.network import Network
from npusim.graph.samples import declared_samples
from npusim.prepared.engine import Prepared, prepare
from npusim.words import Rule

_loaded: WeakKeyDictionary[Network, set[Rule]] = WeakKeyDictionary()
"""Rules under which a network ran in this process: their kernels are compiled or loaded."""


@dataclass(frozen=True)
class KernelsEngine:
    """Most samples that a layer takes at once (None: as suit the cache) on how many cores (all).

    With `reset_state` every sample begins with the initial state.
    """

    batch: int | None = None
    threads: int | None = None
    reset_state: bool = False

    def run(
        self,
        network: Network,
        x: Samples,
        rule: Rule,
        *,
        keep_tensors: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Execute `network` on `x`; the rows of its layers know the seconds of each."""
        prepared = prepare(network, rule)
        _load_kernels(network, rule, prepared)
        nanoseconds = np.zeros(len(network.nodes), np.int64)
        start_ns = perf_counter_ns()
        tensors = prepared.run(
            x,
            threads=self.threads or os.cpu_count() or 1,
            batch=self.batch,
            keep=[*network.tensors] if keep_tensors else network.outputs,
            reset_state=self.reset_state,
            nanoseconds=nanoseconds,
            progress=progress,
        )
        seconds = (perf_counter_ns() - start_ns) / 1e9
        declared = declared_samples(network)
        return Result(
            network=network,
            engine="kernels",
            requant=rule,
            outputs={name: tensors[name] for name in network.outputs},
            tensors=tensors,
            layers=tuple(
                layer_row(network, node, rule, seconds=int(time_ns) / 1e9)
                for node, time_ns in zip(network.nodes, nanoseconds, strict=True)
            ),
            samples=_runs_held(network, tensors) * declared,
            seconds=seconds,
            batch=declared,
        )


def _runs_held(network: Network, tensors: Mapping[str, NDArray]) -> int:
    """Return how many runs of the declared shape a computed output holds; 1 where none is."""
    for name in network.outputs:
        declared = network.tensors[name]
        if not declared.is_constant:
            return max(tensors[name].size // max(prod(declared.shape), 1), 1)
    return 1


def _load_kernels(network: Network, rule: Rule, prepared: Prepared) -> None:
    """Run a sample of zeros, the first time: what loads the kernels is no layer's time.

    Where sizes are known only at run, zeros say nothing of the kernels that a sample takes.
    """
    varies = any(tensor.varies for tensor in network.tensors.values())
    if varies or rule in _loaded.setdefault(network, set()):
        return
    zeros = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        zeros[name] = tensor.in_file_order(np.zeros(tensor.shape, tensor.dtype))
    prepared.run(zeros)
    prepared.reset()
    _loaded[network].add(rule)
