"""A run over many samples in parts: in processes, on Dask, resumable; the result of one run.

A task is a part of the samples. What it finds is its outputs, and the times of the layers.
"""

from __future__ import annotations

import io
import pickle
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.engines.engine import run
from npusim.engines.result import MachineResult, Result
from npusim.errors import NpuError, ShapeError, UnsupportedError
from npusim.explore.carry_out import Place, carry_out
from npusim.explore.sweep.execution import Job
from npusim.explore.sweep.tasks import Outcome, array_key, digest, latest, program_hash, sha256
from npusim.graph.network import Network
from npusim.graph.samples import declared_samples

PART_SAMPLES = 256
"""Of a part: enough that it outweighs its start, few enough that a death costs little."""


def run_part(key: str, pickled: bytes, x: Mapping[str, NDArray], settings: Any) -> Outcome:
    """Run a part of the samples; the task that a worker carries out.

    `pickled` is the network, which a worker keeps from one part to the next by its hash `key`.
    """
    try:
        network = latest("run", key, lambda: pickle.loads(pickled))
        found = run(network, x, **settings)
    except NpuError as error:
        return Outcome({}, str(error), final=False)
    return Outcome(
        {
            "outputs": {name: _text(array) for name, array in found.outputs.items()},
            "samples": found.samples,
            "seconds": found.seconds,
            "layer_seconds": [layer.seconds for layer in found.layers],
            "differing_outputs": getattr(found, "differing_outputs", None),
        }
    )


def run_parts(
    network: Network,
    x: Mapping[str, NDArray],
    place: Place,
    *,
    part_samples: int = PART_SAMPLES,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> Result:
    """Return what `run(network, x, **settings)` returns, computed in parts.

    Parameters
    ----------
    x : mapping of input name to array [N ...]
        The samples, in the file's layout.
    place
        Where the parts run and what is kept.
    part_samples
        Samples of a part.
    progress
        Called with how many samples are done and how many there are.

    Raises
    ------
    NpuError
        As carry_out and run; samples that are steps in time; inputs of unequal numbers of samples.
    """
    if network.state and not settings.get("reset_state"):
        raise UnsupportedError(
            f"{network.name}: its samples are steps in time, one after the other: expected "
            "--reset-state beside --workers, --scheduler, --journal"
        )
    if settings.get("engine", "kernels") == "kernels":
        settings["threads"] = place.threads(settings.get("threads"))
    parts = _parts(network, x, part_samples)
    pickled = pickle.dumps(network)
    key = sha256(pickled)
    whole = {"npusim": program_hash(), "network": key, "settings": repr(sorted(settings.items()))}
    keys = {
        i: digest({**whole, "samples": {name: array_key(array) for name, array in part.items()}})
        for i, part in enumerate(parts)
    }

    def job(i: int) -> Job:
        return Job(run_part, (key, pickled, parts[i], settings))

    total = sum(_count(network, *next(iter(part.items()))) for part in parts)
    found = carry_out(
        keys, job, place, lambda done: progress(min(done * part_samples, total), total)
    )
    # The rows of the layers, the program and its cycles are those of any samples.
    first = _parts(network, parts[0], 1)[0]
    return _joined(run(network, first, **settings), list(found.values()))


def _parts(network: Network, x: Mapping[str, NDArray], samples: int) -> list[dict[str, NDArray]]:
    """Return the samples in parts of as many whole runs."""
    counts = {name: _count(network, name, array) for name, array in x.items()}
    if len(set(counts.values())) != 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ShapeError(f"{network.name}: expected as many samples of each input, found {listed}")
    declared = declared_samples(network)
    step = max(samples // declared, 1) * declared
    (count,) = set(counts.values())
    return [
        {name: _samples(array, count, start, step) for name, array in x.items()}
        for start in range(0, count, step)
    ]


def _count(network: Network, name: str, array: NDArray) -> int:
    """Return how many samples an array holds."""
    one = prod(network.tensors[name].shape) // declared_samples(network)
    return max(array.size // max(one, 1), 1)


def _samples(array: NDArray, count: int, start: int, step: int) -> NDArray:
    """Return the samples `start` to `start + step` of the `count` that `array` holds."""
    if count == 1:
        return array
    rows = len(array) // count
    return array[start * rows : (start + step) * rows]


def _joined(result: Result, found: Sequence[Mapping[str, Any]]) -> Result:
    """Return the result of all samples, `result` being that of one run."""
    outputs = {
        name: np.concatenate([_array(part["outputs"][name]) for part in found])
        for name in result.outputs
    }
    seconds = [part["layer_seconds"] for part in found]
    layers = tuple(
        layer if layer.seconds is None else replace(layer, seconds=sum(times))
        for layer, *times in zip(result.layers, *seconds, strict=True)
    )
    joined = replace(
        result,
        outputs=outputs,
        tensors=outputs,
        layers=layers,
        samples=sum(part["samples"] for part in found),
        seconds=sum(part["seconds"] for part in found),
    )
    if isinstance(joined, MachineResult) and joined.differing_outputs is not None:
        differing = sum(part["differing_outputs"] for part in found)
        return replace(joined, differing_outputs=differing)
    return joined


def _text(array: NDArray) -> str:
    """Return an array as text, for the journal."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return b64encode(file.getvalue()).decode()


def _array(text: str) -> NDArray:
    found: NDArray = np.load(io.BytesIO(b64decode(text)), allow_pickle=False)
    return found
