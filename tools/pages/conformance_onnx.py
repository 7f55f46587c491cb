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

from npusim.formats.onnx.reader import load
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

HEAD = """\
# Conformance with onnxruntime

Written by `tools/pages/conformance_onnx.py`; do not edit. onnxruntime {version}, CPU provider.
How files are imported and which formulas these bytes follow: [onnx.md](onnx.md).

## Networks

"Tensors" are all integer tensors and the output. QOperator files are compared with graph
optimization off, their outputs again with all optimizations (column "output"); QDQ files with the
integer graph that onnxruntime (ORT_ENABLE_EXTENDED) makes of them, int8 kept, and their outputs
with the session as it comes (ic_resnet8: see below).

| file | tensors | inputs | elements compared | differing bytes | output differs in |
|---|---|---|---|---|---|
"""


def network_rows() -> list[str]:
    """Return a row for each network: values compared and different."""
    rows = []
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
        rows.append(row(name, *counts, f"{output} of {outputs:,}"))
    return rows


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
    text = HEAD.format(version=onnxruntime.__version__)
    lines = [*network_rows(), "", keyword_line(), *float_lines(), *node_test_lines()]
    OUTPUT.write_text(text + "\n".join(lines) + "\n")
    print(OUTPUT.read_text())


if __name__ == "__main__":
    main()
