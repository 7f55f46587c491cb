"""Compare every .tflite network and random layers with LiteRT and write docs/conformance.md.

    python -m tools.pages.conformance

Reads ../shared/models and runs LiteRT itself, and the TOSA reference model (`make tosa`). The
comparisons are those of tests/simulator/test_tflite_networks.py and test_tflite_operators.py,
counted instead of asserted.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np

from npusim.engines.machine_network import MachineNetwork
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import Prepared, prepare
from npusim.words import Rule
from tests.simulator.litert_witness import (
    NAMES,
    digest,
    golden,
    invoke,
    litert,
    live_inputs,
    model_path,
    tensors,
)
from tests.simulator.random_layers import MAKERS, random_case
from tests.simulator.test_tosa import KINDS, cases_of
from tests.simulator.tosa_witness import differing, tosa_reference, versions
from tools.checkout import MODELS, ROOT, SHARED
from tools.markdown import row

OUTPUT = ROOT / "docs" / "conformance.md"
RULES: dict[str, Rule] = {"ref": "litert", "opt": "litert-opt", "xnn": "xnnpack"}
LIVE_INPUTS = 5
LAYERS = 60
MACHINE = "base"

HEAD = """\
# Conformance with LiteRT

Written by `tools/pages/conformance.py`; do not edit. LiteRT (ai-edge-litert) {litert}, numpy
{numpy}, numba {numba}.

LiteRT has three sets of kernels, and they give different bytes. Each has a rounding rule here:
`ref`, the reference kernels, `--requant litert` (what `auto` takes for a .tflite file); `opt`, the
optimized built-in kernels, `--requant litert-opt`; `xnn`, XNNPACK with LiteRT's optimized kernels
for what it leaves to them, `--requant xnnpack`.

## Networks

Every computed tensor of {live} inputs is compared with LiteRT's, fetched live, for `ref` and `opt`
(XNNPACK does not show its inner tensors). "Hashes": tensors, constants included, whose golden hash
for the first input was checked, and how many differ.

| network | operators | hashes: checked, different | `ref`: elements, different | `opt` |
|---|---|---|---|---|
"""

OUTPUTS = """
## Final outputs of all golden inputs

"Machine": the compiled network on machine `{machine}`, under rule `litert`, against LiteRT's
reference kernels. LiteRT computes FULLY_CONNECTED in double precision, the machine in integers that
are proved to give the same byte for every accumulator (docs/numerics.md, section 3). The machine
against onnxruntime: [conformance_onnx.md](conformance_onnx.md).

"TOSA": rule `tosa` against Arm's TOSA reference model (tosa-tools {tosa}), to which
tosa-converter-for-tflite {converter} hands the file.

| network | inputs | elements | different from `ref` | from `opt` | from `xnn` | machine | TOSA |
|---|---|---|---|---|---|---|---|
"""

OPERATORS = """
## Random layers

{layers} random single-operator files of each kind (odd sizes, both types, every zero point, stride,
dilation, depth multiplier, fused activations): elements compared, and how many differ. TOSA's
converter refuses some, which are not counted, and drops the activation fused into a pool: those
are left out.

| operator | `ref` | `opt` | `xnn` | XNNPACK runs it | TOSA |
|---|---|---|---|---|---|
"""

NOTES = """
## Where XNNPACK's own arithmetic is not fp32

`xnnpack` is the rule of XNNPACK's convolutions, fully connected layers and MUL; MEAN is a fused
multiply-add with the zero points inside the rounding. Others are integers of XNNPACK's own, which
`--requant xnnpack` gives: ADD (21-bit multipliers, one half-up rounding), QUANTIZE that keeps the
type and LEAKY_RELU (8 fraction bits). Sigmoid and tanh are tables, with the zero point added in
float32 before one rounding to even. What XNNPACK leaves to LiteRT's optimized kernels is computed
as those do: AVERAGE_POOL_2D, SOFTMAX (a float32 table), HARD_SWISH, standalone RELUs, QUANTIZE
between int8 and uint8.

Not covered: tensors inside an XNNPACK partition cannot be fetched, so that `xnn` is witnessed by
final outputs and single layers.
"""


def operators(network: Network) -> str:
    """Return how many nodes of each operator a network has."""
    counts = Counter(node.kind for node in network.nodes)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def cell(elements: int, different: int) -> str:
    """Return values compared and different as a cell."""
    return f"{elements:,}, {different:,}"


def live(path: Path, prepared: Prepared, x: np.ndarray, kernels: str) -> str:
    """Compare every computed tensor of every input with LiteRT's."""
    names = [node.outputs[0] for node in prepared.network.nodes]
    interpreter = litert(path, kernels, every_tensor=True)
    elements = different = 0
    for sample in x:
        invoke(interpreter, sample[None])
        found = prepared.run(sample, keep=names)
        for name, expected in tensors(interpreter, names):
            elements += expected.size
            different += int(np.count_nonzero(found[name] != expected))
    return cell(elements, different)


def network_rows(name: str) -> tuple[str, str]:
    """Return the rows of a network in the first two tables."""
    path = model_path(SHARED, name)
    network = load(path)
    arrays, hashes = golden(SHARED, name)
    prepared = {kernels: prepare(network, rule) for kernels, rule in RULES.items()}
    first = prepared["ref"].run(arrays["x"][:1], keep=list(hashes))
    wrong = sum(digest(first[key]) != value for key, value in hashes.items())
    x = live_inputs(arrays["x"], LIVE_INPUTS)
    columns = [live(path, prepared[kernels], x, kernels) for kernels in ("ref", "opt")]
    tensors_row = row(name, operators(network), f"{len(hashes)}, {wrong}", *columns)
    counts = []
    for kernels, runner in prepared.items():
        y = runner.run(arrays["x"], threads=2)[network.outputs[0]]
        counts.append(int(np.count_nonzero(y.reshape(arrays[kernels].shape) != arrays[kernels])))
    on_machine, _ = MachineNetwork(network, Machine.load(MACHINE)).run(arrays["x"], network.outputs)
    y = on_machine[network.outputs[0]].reshape(arrays["ref"].shape)
    counts.append(int(np.count_nonzero(y != arrays["ref"])))
    counts.append(of_tosa(path, network, arrays["x"]))
    return tensors_row, row(name, len(arrays["x"]), f"{arrays['ref'].size:,}", *counts)


def of_tosa(path: Path, network: Network, x: np.ndarray) -> int:
    """Return in how many outputs rule `tosa` differs from the TOSA reference model."""
    expected = tosa_reference({"network": (path.read_bytes(), [x[:, None]])})["network"]
    if isinstance(expected, str):
        raise RuntimeError(f"{path}: {expected}")
    return differing(expected[0], prepare(network, "tosa").run(x)[network.outputs[0]])


def tosa_cell(kind: str, path: Path) -> str:
    """Return the cell of random layers of `kind` against the TOSA reference model."""
    if kind not in KINDS:
        return ""
    cases = cases_of(kind, LAYERS)
    files = {key: (case.content, [x[None] for x in case.inputs]) for key, case in cases.items()}
    elements = different = 0
    for key, expected in tosa_reference(files).items():
        if isinstance(expected, str):
            continue
        path.write_bytes(cases[key].content)
        network = load(path)
        x = dict(zip(network.inputs, cases[key].inputs, strict=True))
        (y,) = prepare(network, "tosa").run(x).values()
        elements += y.size
        different += differing(expected[0], y)
    return cell(elements, different)


def operator_row(kind: str, path: Path) -> str:
    """Return the row of an operator: random layers under each set of kernels."""
    cells, delegated = [], 0
    for kernels, rule in RULES.items():
        elements = different = 0
        for seed in range(LAYERS):
            case = random_case(kind, seed)
            path.write_bytes(case.content)
            network = load(path)
            interpreter = litert(case.content, kernels)
            expected = invoke(interpreter, *case.inputs)
            x = dict(zip(network.inputs, case.inputs, strict=True))
            (y,) = prepare(network, rule).run(x).values()
            elements += expected.size
            different += int(np.count_nonzero(y != expected))
            if kernels == "xnn":
                names = {step["op_name"] for step in interpreter._get_ops_details()}
                delegated += "DELEGATE" in names
        cells.append(cell(elements, different))
    return row(kind, *cells, f"{delegated} of {LAYERS}", tosa_cell(kind, path))


def keyword_line() -> str:
    """Compare top-1 on the keyword samples with LiteRT's own count."""
    with np.load(MODELS / "samples" / "kws01.npz") as file:
        x, labels = file["x"], file["y"]
    path = model_path(SHARED, "kws_dscnn_int8")
    network = load(path)
    y = prepare(network, "litert").run(x, threads=2)[network.outputs[0]]
    interpreter = litert(path, "ref")
    theirs = np.array([invoke(interpreter, sample[None])[0] for sample in x])
    ours = int(np.count_nonzero(y.argmax(1) == labels))
    count = int(np.count_nonzero(theirs.argmax(1) == labels))
    return (
        f"\nkws_dscnn_int8 on all {len(x)} keyword samples: top-1 {ours} correct, "
        f"LiteRT {count}; {int(np.count_nonzero(y != theirs))} of {y.size:,} outputs differ.\n"
    )


def main() -> None:
    """Compare everything; write docs/conformance.md."""
    text = HEAD.format(
        litert=version("ai-edge-litert"),
        numpy=version("numpy"),
        numba=version("numba"),
        live=LIVE_INPUTS,
    )
    rows = [network_rows(name) for name in NAMES]
    text += "\n".join(first for first, _ in rows) + "\n"
    tosa = versions()
    text += OUTPUTS.format(
        machine=MACHINE, tosa=tosa["tosa-tools"], converter=tosa["tosa-converter-for-tflite"]
    )
    text += "\n".join(second for _, second in rows) + "\n" + keyword_line()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.tflite"
        kinds = [operator_row(kind, path) for kind in MAKERS]
    text += OPERATORS.format(layers=LAYERS) + "\n".join(kinds) + "\n" + NOTES
    OUTPUT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
