"""Compare every .onnx network with onnxruntime and write docs/conformance_onnx.md.

    python -m tools.pages.conformance_onnx

Reads ../shared/models. The comparisons are those of tests/simulator/test_onnx_networks.py and
test_onnx_node_tests.py; this script runs them on more inputs and puts the counts in a table.
"""

from __future__ import annotations

import tempfile
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from npusim.analysis.proof import LayerProof, prove
from npusim.compiler.compile import compile_network
from npusim.engines.machine_network import MachineNetwork
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.machines import Machine
from tests.simulator import test_onnx_networks as networks
from tests.simulator import test_onnx_node_tests as node_tests
from tests.simulator.onnxruntime_reference import (
    ALL,
    EXTENDED,
    loaded,
    npusim_run,
    session,
)
from tools.checkout import MODELS, ROOT, SHARED
from tools.markdown import header, row

OUTPUT = ROOT / "docs" / "conformance_onnx.md"
INPUTS = 6
BASE = Machine.load("base")
MACHINES = (BASE, BASE.with_({"array.fp32_requantizer": 1}))

HEAD = """\
# Conformance with onnxruntime

Written by `tools/pages/conformance_onnx.py`; do not edit. onnxruntime {version}, CPU provider.
How files are imported and which formulas these bytes follow: [onnx.md](onnx.md).

## Networks

"Tensors" are all integer tensors and the output. QOperator files are compared with graph
optimization off, their outputs again with all optimizations (column "output"); QDQ files with the
integer graph that onnxruntime (ORT_ENABLE_EXTENDED) makes of them, int8 kept, and their outputs
with the session as it comes (ic_resnet8: see below). "Machine" is the compiled network's output
against the same session's: on `{machine}`, whose requantizers are integer, and with the float32
requantizer beside them (`array.fp32_requantizer = 1`).

"""

PROOFS = """
## Accumulators without an integer twin

onnxruntime multiplies an accumulator by a float32; `{machine}` computes it by integers that give
the same byte for every accumulator that can occur, where such integers exist
([numerics.md](numerics.md), section 3). "Proved": channels for which `npusim.prove` shows that,
from the program's own constants. For the others the compiler takes the integers that miss the
fewest accumulators; `npusim compile` names them, and they stand below (without the bias). With the
float32 requantizer every channel is proved.
"""
LISTED = 4
"""Places of a channel's differing accumulators that are listed."""


def network_rows() -> list[str]:
    """Return the table of the networks: values compared and different."""
    rows = header(
        "file", "tensors", "inputs", "elements compared", "differing bytes", "output differs in",
        "machine", "with float32",
    )  # fmt: skip
    names = [*networks.QOPERATOR, *networks.QDQ, "ic_resnet8_int8_QDQ"]
    for name in names:
        path = MODELS / "onnx" / f"{name}.onnx"
        network, model = load(path), onnx.load(path)
        inputs = networks.samples(SHARED, name, INPUTS)
        level = ALL
        compared = model
        if name.endswith("QDQ"):
            level = EXTENDED
            with tempfile.TemporaryDirectory() as folder:
                compared = networks.optimized(path, Path(folder), keep_int8=True)
        tensors = networks.integer_tensors(network, compared)
        different = sum(networks.differences(network, compared, tensors, inputs).values())
        output = networks.output_differences(network, model, inputs, level)
        elements = len(inputs) * sum(prod(network.tensors[t].shape) for t in tensors)
        outputs = len(inputs) * sum(prod(network.tensors[t].shape) for t in network.outputs)
        counts = (len(tensors), len(inputs), f"{elements:,}", different)
        on_machines = [machine_differences(network, model, inputs, level, m) for m in MACHINES]
        rows.append(row(name, *counts, f"{output} of {outputs:,}", *on_machines))
    return rows


def machine_differences(
    network: Network,
    model: onnx.ModelProto,
    inputs: list[NDArray],
    level: onnxruntime.GraphOptimizationLevel,
    machine: Machine,
) -> int:
    """Return in how many values the compiled network's outputs differ from onnxruntime's."""
    compiled, reference = MachineNetwork(network, machine), session(model, level)
    (feed,) = network.inputs
    return sum(
        int(np.count_nonzero(compiled.run({feed: x})[0][name] != value))
        for x in inputs
        for name, value in zip(network.outputs, reference.run(None, {feed: x}), strict=True)
    )


def proof_lines() -> list[str]:
    """Return how many channels are proved, and every layer's differing accumulators."""
    counts, places = [], []
    for name in (*networks.QOPERATOR, *networks.QDQ, "ic_resnet8_int8_QDQ"):
        network = load(MODELS / "onnx" / f"{name}.onnx")
        cells = []
        for machine in MACHINES:
            proofs = prove(compile_network(network, machine), network)
            lacking = sum(len({d.channel for d in proof.differences}) for proof in proofs)
            channels = sum(proof.channels for proof in proofs)
            cells.append(f"{channels - lacking:,} of {channels:,}")
            if machine is MACHINES[0] and not name.endswith("QDQ"):
                places += [place_row(name, proof) for proof in proofs if proof.differences]
        counts.append(row(name, *cells))
    head = header("file", f"proved on `{MACHINES[0].name}`", "with the float32 requantizer")
    listed = header("file", "layer", "accumulators", "channel: accumulators")
    return [PROOFS.format(machine=MACHINES[0].name), *head, *counts, "", *listed, *places]


def place_row(name: str, proof: LayerProof) -> str:
    """Return the row of a layer: how many accumulators differ, and for which channels."""
    by_channel: dict[int, list[str]] = {}
    for d in proof.differences:
        place = str(d.first) if d.count == 1 else f"{d.first}..{d.last}"
        by_channel.setdefault(d.channel, []).append(place)
    named = "; ".join(
        f"{channel}: {', '.join(at[:LISTED])}"
        + (f" and {len(at) - LISTED} more" * (len(at) > LISTED))
        for channel, at in by_channel.items()
    )
    return row(name, proof.layer, proof.differing_accumulators, named)


def keyword_line() -> str:
    """Return how the keyword network does on all labelled samples."""
    path = MODELS / "onnx" / "kws_dscnn_int8_QDQ.onnx"
    inputs = networks.samples(SHARED, "kws", 749)
    network, reference = load(path), session(onnx.load(path), EXTENDED)
    found = npusim_run(network, {"input": np.concatenate(inputs)})["output"]
    expected = np.concatenate([reference.run(None, {"input": x})[0] for x in inputs])
    labels = np.load(MODELS / "samples" / "kws01.npz")["y"]
    right = int((found.argmax(1) == labels).sum())
    theirs = int((expected.argmax(1) == labels).sum())
    return (
        f"kws_dscnn_int8_QDQ on all {len(inputs)} keyword samples: "
        f"{int((found != expected).sum())} of {expected.size:,} outputs differ; top-1 {right} "
        f"correct, onnxruntime {theirs}."
    )


def float_lines() -> list[str]:
    """Return what differs behind operators that compute in floating point."""
    path = MODELS / "onnx" / "ic_resnet8_int8_QDQ.onnx"
    inputs = networks.samples(SHARED, "ic_resnet8", INPUTS)
    with tempfile.TemporaryDirectory() as folder:
        floating, different, elements = networks.differences_behind_float(
            path, Path(folder), inputs
        )
    return [
        "",
        "## What onnxruntime keeps in float",
        "",
        "On x86 it moves the int8 activations of QDQ files to uint8 first, and then joins no",
        "integer operator out of these nodes of ic_resnet8_int8_QDQ:",
        f"{', '.join(sorted(floating))}. They run in float32, whose sums",
        "are rounded on the way; so does npusim's engine `kernels`. Against the default session",
        f"{different:,} of {elements:,} bytes of the integer tensors differ, over {INPUTS} inputs.",
    ]


def node_test_lines() -> list[str]:
    """Return the results of ONNX's own node tests."""
    files = node_tests.members(SHARED)
    names = sorted({name.split("/")[0] for name in files})
    lines = ["", "## Official node tests", "", *header("test", "result")]
    for name in names:
        if name in node_tests.EXCLUDED:
            lines.append(row(name, f"excluded: {node_tests.EXCLUDED[name]}"))
            continue
        model, feeds, expected = node_tests.case(files, name)
        how = "equal to the published output"
        if name in node_tests.WRAPPING:
            expected = session(model, EXTENDED).run(None, feeds)
            how = "equal to onnxruntime; the published output wraps where it should saturate"
        found = npusim_run(loaded(model), feeds)
        same = all(
            np.array_equal(found[output.name], value)
            for output, value in zip(model.graph.output, expected, strict=True)
        )
        lines.append(row(name, how if same else "DIFFERENT"))
    return lines


def main() -> None:
    """Compare everything; write docs/conformance_onnx.md."""
    text = HEAD.format(version=onnxruntime.__version__, machine=MACHINES[0].name)
    lines = [*network_rows(), "", keyword_line(), *float_lines(), *proof_lines()]
    lines += node_test_lines()
    OUTPUT.write_text(text + "\n".join(lines) + "\n")
    print(OUTPUT.read_text())


if __name__ == "__main__":
    main()
