"""Real traffic: which programs run, and which cycles of them are recorded.

The shipped digits network, quantized from its float form by each scheme, and layers of three others
(streams.py) run on the RTL of the whole machine, each on one sample.
"""

from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.engines.machine_network import MachineNetwork, write_tensor
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from npusim.prepared.inputs import network_inputs
from npusim.simulator.run import time_program
from tools.checkout import DIGITS
from tools.flow.record import Recorder, Recording
from tools.flow.streams import Stream, cut, digits
from tools.flow.timing import sources

VECTOR = "vector"
SIGMOID = Quantization(np.array(1 / 256, np.float32), np.array(-128, np.int64))
HELD_OUT = ("pointwise",)
"""Layers that nothing is fitted to: docs/energy_table.md compares them with the model."""
WINDOW_CYCLES = 64
IDLE = (2, 14)
"""Cycles at the begin of a run: the first instructions are fetched, nothing else moves."""
RECORDED_LANE = 1

ACTIVITY = {
    "format": "ex.array.mac_format", "mac_busy": "ex.array.mac_busy_i",
    "operand_valid": "ex.array.operand_valid_i", "operand_active": "ex.array.operand_active_i",
    "code_valid": "ex.array.code_valid_i", "shadow_write": "ex.array.shadow_write_i",
    "swap": "ex.array.swap_i", "acc_write": "ex.mac_acc_write",
    "acc_read": "ex.vector_acc_read", "term_valid": "ex.array.term_valid_i",
    "term_index": "ex.array.term_index_i", "merge": "ex.array.merge_q",
    "par": "ex.array.par_valid_i",
    "tap": "ex.array.tap_3_i", "is_max": "ex.array.is_max_q", "is_sum": "ex.vector_engine.is_sum_q",
    "is_add": "ex.array.is_add_q", "is_lookup": "ex.array.is_lookup_q",
    "first": "ex.array.first_3_i",
    "write": "ex.act_write_o", "vector_busy": "ex.array.vector_busy_i",
    "mac_engine_busy": "ex.mac_engine.busy_o", "vector_engine_busy": "ex.vector_engine.busy_o",
    "push": "push", "fetch_beat": "fetch_rvalid_i", "ld_beat": "ld_rvalid_i",
    "st_valid": "st_wvalid_o", "st_ready": "st_wready_i",
    "mx_act_read": "mx_act_read", "wgt_read": "wgt_read", "ep_act_read": "ep_act_read",
    "par_read": "par_read", "st_read": "st_read", "ld_write": "ld_write",
    "mx_acc_read": "ex.mac_acc_read", "ep_acc_write": "ex.vector_acc_write",
    "line_read": "ex.array.column_read_i",
}  # fmt: skip
"""Signals that say what the machine does, below npu_top."""


@dataclass(frozen=True)
class Build:
    """A machine as the parameters of its array."""

    size: int
    uniform_bits: int
    subset: int
    pwlq_bits: int
    lanes: int = 1
    """That share a requantizer, and a reader of the table."""
    lut: int = 0
    pwlq_double: int = 0

    @property
    def machine(self) -> Machine:
        """The machine: nano's, small's or base's with these formats."""
        parent = Machine.load({4: "nano", 8: "small", 16: "base"}[self.size])
        names = [f"uniform{self.uniform_bits}"] if self.uniform_bits else []
        if self.uniform_bits > 4:
            names.append("uniform4")
        names += ["subset"] * self.subset + ["pwlq"] * bool(self.pwlq_bits) + ["lut"] * self.lut
        names += ["pwlq_double"] * self.pwlq_double
        return parent.with_({
            "name": f"size{self.size}", "array.size": self.size, "array.formats": names,
            "array.pwlq_bits": self.pwlq_bits, "array.lanes_per_requantizer": self.lanes,
            "array.lanes_per_lookup": self.lanes,
        })  # fmt: skip

    @property
    def formats(self) -> tuple[str, ...]:
        """Weight formats that run on it."""
        return self.machine.array.formats

    @property
    def parameters(self) -> dict[str, int]:
        """Build parameters of the formats."""
        formats = {"UNIFORM_BITS": self.uniform_bits, "SUBSET": self.subset,
                   "PWLQ_BITS": self.pwlq_bits}  # fmt: skip
        decoders = {"LUT": self.lut, "PWLQ_DOUBLE": self.pwlq_double}
        return formats | {name: 1 for name, is_built in decoders.items() if is_built}


@dataclass(frozen=True, eq=False)
class Traffic:
    """What was recorded of one layer: `kind` is idle, MAC, RQ, VEC, LD or ST."""

    network: str
    format: str
    layer: str
    kind: str
    recording: Recording


def compiled(
    build: Build,
    weight_format: str,
    sample: int,
    stream: Stream | None = None,
    held_out: int | None = None,
) -> MachineNetwork:
    """Return digits, or layers of another network, compiled, DRAM holding sample `sample`.

    Format VECTOR is digits' first layer in uniform8, a max pool, a sigmoid, and an addition with
    TFLite's three roundings: what digits itself does not use of the vector unit.
    """
    if stream is not None:
        network, given = cut(stream, weight_format, sample, held_out)
    elif weight_format == VECTOR:
        network, given = _vector_network(digits("uniform8")), {}
    else:
        network, given = digits(weight_format), {}
    rule = "tosa" if weight_format == VECTOR else "auto"
    x = np.load(DIGITS / "digits_test.npz")["x"][sample : sample + 1]
    return on_sample(network, build.machine, rule, given or x)


def on_sample(
    network: Network, machine: Machine, rule: str, x: NDArray | Mapping[str, NDArray]
) -> MachineNetwork:
    """Return a network compiled for `machine`, DRAM holding the first sample of `x`."""
    result = MachineNetwork(network, machine, rule)
    for name, value in network_inputs(result.network, x).items():
        write_tensor(result.program, result.dram, name, value[:1])
    return result


def _vector_network(digits: Network) -> Network:
    stem = digits.nodes[0]
    source = digits.output_of(stem)
    pool, curve = op.MaxPool(op.Window((3, 3), (1, 1))), op.Sigmoid()
    (shape,) = output_shapes("pool", pool, [source.shape])
    tensors = {name: digits.tensors[name] for name in (*stem.inputs, *stem.outputs)}
    tensors["pooled"] = Tensor("pooled", shape, source.dtype, source.quantization)
    tensors["summed"] = Tensor("summed", shape, source.dtype, source.quantization)
    tensors["curved"] = Tensor("curved", shape, source.dtype, SIGMOID)
    nodes = (
        stem, Node("pool", pool, stem.outputs, ("pooled",)),
        Node("curve", curve, ("pooled",), ("curved",)),
        Node("sum", op.Add(), ("pooled", "curved"), ("summed",)),
    )  # fmt: skip
    return Network("digits_vector", digits.source, nodes, tensors, digits.inputs, ("summed",))


def record_build(
    build: Build,
    recordings: Sequence[tuple[str, Stream | None]],
    signals: Mapping[str, str],
    states: Mapping[str, str],
    seed: int,
    cache: Path,
) -> list[Traffic]:
    """Return the traffic of (weight format, network) in windows that `seed` places.

    It is kept in folder `cache`, where a recording of more signals serves too. Network None is
    digits.
    """
    with Recorder(build.machine, {**ACTIVITY, **signals}, states) as recorder:
        return [
            part for weight_format, stream in recordings
            for part in _recorded(build, weight_format, stream, recorder, seed, cache)
        ]  # fmt: skip


def _recorded(
    build: Build,
    weight_format: str,
    stream: Stream | None,
    recorder: Recorder,
    seed: int,
    cache: Path,
) -> list[Traffic]:
    names = {*recorder.signals, *recorder.states} - {*ACTIVITY}
    built = "-".join(map(str, (*build.parameters.values(), build.lanes)))
    name = stream.name if stream else "digits"
    stem = f"traffic-{sources('npu_top')}-{build.size}-{built}-{name}-{weight_format}-{seed}"
    for kept in sorted(cache.glob(f"{stem}-*.names")):
        if names <= {*kept.read_text().split()}:  # of this script's own making
            return pickle.loads(kept.with_suffix(".pickle").read_bytes())
    network = compiled(build, weight_format, seed, stream)
    program = network.program
    (step,) = program.runs()
    places = windows(network, seed)
    recordings = recorder.record(program, step, network.dram, [w for *_, w in places])
    found = [
        Traffic(name, weight_format, layer, kind, recording)
        for (layer, kind, _), recording in zip(places, recordings, strict=True)
    ]
    recorded = " ".join(sorted(names))
    path = cache / f"{stem}-{hashlib.sha256(recorded.encode()).hexdigest()[:8]}.pickle"
    path.write_bytes(pickle.dumps(found))
    path.with_suffix(".names").write_text(recorded)
    return found


def windows(network: MachineNetwork, seed: int) -> list[tuple[str, str, tuple[int, int]]]:
    """Return (layer, kind, cycles): of each layer some instructions of each kind, where it has."""
    (timeline,) = time_program(network.program)
    groups = timeline.columns.groups
    found = [("", "idle", IDLE)]
    for layer in network.program.layers:
        span = range(layer.first, layer.first + layer.count)
        for kind, many in (("MAC", 2), ("RQ", 1), ("VEC", 3), ("LD", 1), ("ST", 1)):
            rng = random.Random(f"{seed} {layer.name} {kind}")
            pcs = [int(pc) for pc in groups[kind].pcs if pc in span]
            pcs = [pc for pc in pcs if timeline.retire[pc] - timeline.issue[pc] > 12]
            for pc in rng.sample(pcs, min(many, len(pcs))):
                issue, retire = int(timeline.issue[pc]), int(timeline.retire[pc])
                latest = max(issue, retire - WINDOW_CYCLES)
                first = rng.randint(issue, latest)
                found.append((layer.name, kind, (first, first + WINDOW_CYCLES)))
    return found
