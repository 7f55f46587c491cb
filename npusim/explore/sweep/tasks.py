"""The work of a sweep, as functions that any process can call on plain values.

Two kinds: `encode` makes the integer network of a network and a scheme, which all machines share;
`price` compiles and times such a network on one machine. Both return what they found or why they
could not; neither reads a file, so that a worker needs nothing but npusim itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.analysis.top1 import classes, percent_equal
from npusim.engines.estimate import estimate
from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.machines import MachineChoice
from npusim.explore.sweep.schemes import AS_IT_IS, SchemeChoice
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.operators.count import layer_weight_bytes
from npusim.runtimes.rule import resolve_rule

PRICED = (
    "requant", "cycles", "seconds_on_machine", "host_cycles", "host_energy_pj",
    "seconds_with_host", "macs", "utilization", "dram_bytes", "area_um2",
)  # fmt: skip
"""What is taken from an estimate besides the energy, by its key in `npusim estimate --json`."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model file's bytes; `name` (with the suffix of its format) is what the file is called."""

    name: str
    content: bytes

    def __post_init__(self) -> None:
        """Raise FormatError unless the name is that of a file alone: a journal may hold any."""
        if self.name in ("", ".", "..") or "\0" in self.name or Path(self.name).name != self.name:
            raise FormatError(f"expected the name of a model file, found {self.name!r}")

    @property
    def key(self) -> str:
        """A hash of the content."""
        return digest({"suffix": Path(self.name).suffix, "sha256": sha256(self.content)})


@dataclass(frozen=True, eq=False)
class Source:
    """A network with the samples that it is calibrated and judged on.

    `calibrate`, `evaluate` [N ...] are in the layout of the network's input, `labels` int64 [N].
    """

    model: ModelFile
    requant: str
    calibrate: NDArray | None = None
    evaluate: NDArray | None = None
    labels: NDArray[np.int64] | None = None

    @property
    def key(self) -> str:
        """A hash of everything that decides what is made of it."""
        return digest(
            {
                "model": self.model.key,
                "requant": self.requant,
                "calibrate": array_key(self.calibrate),
                "evaluate": array_key(self.evaluate),
                "labels": array_key(self.labels),
            }
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a task found, or the `error` that kept it from it.

    `final`: the same inputs give the same again (a dead worker need not be dead the next time).
    `model`: of `encode`, the integer network.
    """

    found: Mapping[str, Any]
    error: str = ""
    final: bool = True
    model: ModelFile | None = None


def encode(source: Source, scheme: SchemeChoice, threads: int | None = None) -> Outcome:
    """Return the network of `source` in `scheme`, the bytes it stores, and its accuracy in percent.

    The accuracy is that of the labelled samples executed bit-exactly under the machine's rounding,
    which is the same on every machine.
    """
    return _attempt(lambda: _encode(source, scheme, threads))


def price(model: ModelFile, machine: MachineChoice, requant: str) -> Outcome:
    """Return cycles, traffic, energy and area of one sample of an integer network on a machine."""
    return _attempt(lambda: _price(model, machine, requant))


def _attempt(work: Callable[[], Outcome]) -> Outcome:
    start = perf_counter()
    try:
        outcome = work()
    except NpuError as error:
        outcome = Outcome({}, " ".join(str(error).split()))
    except Exception as error:  # a defect of npusim costs its point, not the sweep
        text = " ".join(f"{type(error).__name__}: {error}".split())
        outcome = Outcome({}, f"defect of npusim: {text}", final=False)
    seconds = {"seconds": perf_counter() - start}
    return Outcome({**outcome.found, **seconds}, outcome.error, outcome.final, outcome.model)


def _encode(source: Source, scheme: SchemeChoice, threads: int | None) -> Outcome:
    from npusim.prepared.engine import prepare as prepare_engine

    if scheme == AS_IT_IS:
        model, network = source.model, _network(source.model)
    else:
        model = _quantized(source, scheme, threads)
        network = _network(model)
    found: dict[str, Any] = {
        "bytes": int(sum(layer_weight_bytes(network, node) for node in network.nodes))
    }
    if source.evaluate is not None and source.labels is not None:
        engine = prepare_engine(network, resolve_rule(network, source.requant))
        scores = engine.run(source.evaluate, threads=threads or 1)[network.outputs[0]]
        found["accuracy"] = percent_equal(classes(scores), source.labels)
    return Outcome(found, model=model)


def _quantized(source: Source, scheme: SchemeChoice, threads: int | None) -> ModelFile:
    from npusim.quant.export import model_of
    from npusim.quant.quantize import quantize_prepared

    options = scheme.options()
    quantized = quantize_prepared(_prepared(source, threads), options)
    content = model_of(quantized.network).SerializeToString(deterministic=True)
    return ModelFile(f"{Path(source.model.name).stem}.onnx", content)


def _price(model: ModelFile, machine: MachineChoice, requant: str) -> Outcome:
    figures = estimate(_network(model), machine.machine(), requant).as_json()
    found = {key: figures[key] for key in PRICED}
    for component, pj in figures["energy_pj"].items():
        found["energy_pj" if component == "total" else f"energy_pj.{component}"] = pj
    found["energy_with_host_pj"] = found["energy_pj"] + found["host_energy_pj"]
    return Outcome(found)


_LATEST: dict[str, tuple[str, Any]] = {}
"""The latest network and calibration of this process, by key: like tasks follow each other."""


def latest(kind: str, key: str, make: Callable[[], Any]) -> Any:
    """Return the thing of a kind that `key` names, made anew where another was asked for last."""
    held = _LATEST.get(kind)
    if held is None or held[0] != key:
        held = _LATEST[kind] = (key, make())
    return held[1]


def _network(model: ModelFile) -> Network:
    return latest("network", model.key, lambda: read_model(model))


def read_model(model: ModelFile) -> Network:
    """Return the network in a model file's bytes.

    Raises
    ------
    NpuError
        As npusim.load.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, model.name)
        path.write_bytes(model.content)
        return load(path)


def _prepared(source: Source, threads: int | None) -> Any:
    from npusim.quant.quantize import prepare

    assert source.calibrate is not None
    samples = source.calibrate
    key = digest({"model": source.model.key, "calibrate": array_key(samples)})
    return latest("prepared", key, lambda: prepare(read_model(source.model), samples, threads))


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest(content: Mapping[str, Any]) -> str:
    """Return a hash of JSON-ready values that does not depend on the order of the keys."""
    return sha256(json.dumps(content, sort_keys=True).encode())[:32]


def array_key(array: NDArray | None) -> str:
    """Return a hash of an array, without a copy of it; empty for None."""
    if array is None:
        return ""
    return sha256(f"{array.dtype.str} {array.shape} ".encode() + np.ascontiguousarray(array).data)


@cache
def program_hash() -> str:
    """Return a hash of npusim itself: its sources and the tables that its costs are read from."""
    from npusim.cache import PACKAGE
    from npusim.datapath.jit import sources_hash

    tables = {
        str(path.relative_to(PACKAGE)): sha256(path.read_bytes())
        for path in sorted((PACKAGE / "cost").rglob("*.json"))
    }
    return digest({"sources": sources_hash(), "tables": tables})
