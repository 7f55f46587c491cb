"""Compare the machine with the runtimes on every file: docs/conformance_machine.md.

    python -m tools.pages.conformance_machine             files that have no row
    python -m tools.pages.conformance_machine --only kws  measure again what has that in its name
    python -m tools.pages.conformance_machine --no-new    the page from the rows as they are

Reads ../shared/models and ../shared/corpus; rows are kept in docs/conformance_machine.json. A
file's inputs are random over the whole range of their types. What differs on a machine with integer
requantizers alone is named by `npusim.prove` and `npusim.prove_pairs`, which read the program.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from npusim.analysis.pair_proof import prove_pairs
from npusim.analysis.proof import prove
from npusim.engines.machine_network import MachineNetwork
from npusim.errors import NpuError
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.words import Rule
from tests.simulator.litert_witness import NAMES, litert, model_path
from tests.simulator.test_onnx_networks import QDQ, QOPERATOR
from tools.checkout import MODELS, ROOT, SHARED, commit
from tools.markdown import header, row
from tools.pages.coverage import comparison, of_onnxruntime, sample

OUTPUT = ROOT / "docs" / "conformance_machine.md"
MEASURED = OUTPUT.with_suffix(".json")
Row = dict[str, Any]
Values = dict[str, Any]

BASE = Machine.load("base")
MACHINES = {"float32": BASE.with_({"array.fp32_requantizer": 1}), "integer": BASE}
KERNELS: dict[Rule, str] = {"litert": "ref", "litert-opt": "opt", "xnnpack": "xnn"}
"""Rule -> LiteRT's kernels whose bytes it has."""
ONNX_FILES = (*QOPERATOR, *QDQ, "ic_resnet8_int8_QDQ")
FILES = (
    *(model_path(SHARED, name) for name in NAMES),
    *(MODELS / "onnx" / f"{name}.onnx" for name in ONNX_FILES),
    *(
        path
        for folder in ("tflite", "onnx", "operators")
        for path in sorted((SHARED / "corpus" / folder).glob("*.*"))
        if path.suffix in (".tflite", ".onnx")
    ),
)
SEED = 1

HEAD = """\
# Conformance of the machine

Written by `tools/pages/conformance_machine.py` at commit {commit}; do not edit.
{files} files of ../shared/models and ../shared/corpus ({left} of them were not measured) are
compiled for `base`, run on the simulated machine on one random input, and their outputs are
compared with those of the runtime whose rule they were compiled under: `litert` (what `auto`
takes), `litert-opt` and `xnnpack` with LiteRT's three sets of kernels, `onnxruntime` (what `auto`
takes of an .onnx file) with a default session. "float32": `base` with the float32 requantizer
(`array.fp32_requantizer = 1`). "integer": `base` as it is. The same programs in Verilog:
[rtl.md](rtl.md).

{equal} of {runs} runs with the float32 requantizer give the runtime's bytes, and {base} of {others}
on `base`. Float networks are compared by value and may differ in the last places: "at most" is the
distance. A file that a runtime or the compiler refuses says so.

"""
PLACES = """
## What differs on `base`, by channel and accumulator

Where no integers give a runtime's floating-point rule for every accumulator, the compiler takes
those that miss the fewest. These are all of them that can occur (without the bias), whether this
input met them or not; a pair of operands is named as such.

"""


def of_litert(path: Path, kernels: str) -> tuple[Values, Values]:
    """Return random inputs and LiteRT's outputs, by npusim's names."""
    rng, interpreter = np.random.default_rng(SEED), litert(path, kernels)
    inputs = {}
    for detail in interpreter.get_input_details():
        value = sample([*detail["shape"]], np.dtype(detail["dtype"]), rng)
        interpreter.set_tensor(detail["index"], value)
        inputs[f"t{detail['index']}"] = value
    interpreter.invoke()
    details = interpreter.get_output_details()
    return inputs, {f"t{d['index']}": interpreter.get_tensor(d["index"]).copy() for d in details}


def witnesses(path: Path) -> dict[Rule, Callable[[], tuple[Values, Values]]]:
    """Return, by rule, what gives a file's inputs and its runtime's outputs."""
    if path.suffix == ".onnx":
        return {"onnxruntime": lambda: of_onnxruntime(path, np.random.default_rng(SEED))}
    return {rule: partial(of_litert, path, kernels) for rule, kernels in KERNELS.items()}


def name_of(path: Path) -> str:
    """Return the name of a file's rows."""
    return str(path.relative_to(SHARED))


def file_rows(path: Path) -> list[Row]:
    """Return the row of a file under each rule."""
    try:
        network = load(path)
    except NpuError as error:
        return [{"file": name_of(path), "rule": "", "refused": reason(error)}]
    return [rule_row(path, network, rule, run) for rule, run in witnesses(path).items()]


def rule_row(
    path: Path, network: Network, rule: Rule, witness: Callable[[], tuple[Values, Values]]
) -> Row:
    """Return the row of a network under one rule: on each machine what differs, and where."""
    found: Row = {"file": name_of(path), "rule": rule, "float": network.is_float}
    try:
        inputs, expected = witness()
    except Exception as error:  # whatever the runtime refuses a file with
        return found | {"refused": f"the runtime: {reason(error)}"}
    for name, machine in MACHINES.items():
        try:
            compiled = MachineNetwork(network, machine, rule)
            outputs, _ = compiled.run(inputs)
            differing, cell = comparison(outputs, expected)
            found[name] = {"differing": differing, "cell": cell, "places": places(compiled)}
        except NpuError as error:
            found[name] = {"refused": reason(error)}
    return found


def places(compiled: MachineNetwork) -> dict[str, list[str]]:
    """Return, by layer, for what its program differs from the runtime's rule."""
    program, network = compiled.program, compiled.network
    found: dict[str, list[str]] = {}
    for proof in prove(program, network):
        by_channel: dict[int, list[str]] = {}
        for d in proof.differences:
            span = str(d.first) if d.count == 1 else f"{d.first}..{d.last}"
            by_channel.setdefault(d.channel, []).append(span)
        if by_channel:
            found[proof.layer] = [f"{c}: {', '.join(all_)}" for c, all_ in by_channel.items()]
    for pairs in prove_pairs(program, network):
        if pairs.differences:
            found[pairs.layer] = [f"({d.a}, {d.b})" for d in pairs.differences]
    return found


def reason(error: Exception) -> str:
    """Return the first line of an error, without the file's name."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (text.partition(": ")[2] or text)[:90]


def cell_of(of: Row, machine: str) -> str:
    """Return the cell of a row for one machine."""
    found = of.get(machine, {})
    return found.get("cell") or found.get("refused", "")


def page(kept: dict[str, list[Row]]) -> str:
    """Return docs/conformance_machine.md."""
    rows = [one for path in FILES for one in kept.get(name_of(path), [])]
    counts = {}
    for machine in MACHINES:
        runs = [one[machine]["differing"] for one in rows if "cell" in one.get(machine, {})]
        counts[machine] = sum(not differing for differing in runs), len(runs)
    (equal, runs_), (base, others) = counts["float32"], counts["integer"]
    left = sum(name_of(path) not in kept for path in FILES)
    text = HEAD.format(
        commit=commit(10), files=len(FILES), left=left, equal=equal, runs=runs_, base=base,
        others=others,
    )  # fmt: skip
    lines = header("file", "rule", "differing: float32", "integer")
    for one in rows:
        cells = [one["refused"], ""] if "refused" in one else [cell_of(one, m) for m in MACHINES]
        lines.append(row(one["file"], one["rule"], *cells))
    lines += [PLACES, *header("file", "rule", "layer", "channel: accumulators")]
    for one in rows:
        for layer, named in one.get("integer", {}).get("places", {}).items():
            lines.append(row(one["file"], one["rule"], layer, "; ".join(named)))
    return text + "\n".join(lines) + "\n"


def main() -> int:
    """Measure what has no row; write the page. Return 1 where the float32 requantizer differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="WORD", help="files with that in their name")
    parser.add_argument("--no-new", action="store_true", help="measure nothing")
    options = parser.parse_args()
    kept: dict[str, list[Row]] = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    for path in () if options.no_new else FILES:
        name = name_of(path)
        if options.only in name if options.only else name not in kept:
            kept[name] = file_rows(path)
            MEASURED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            print(name, [cell_of(one, m) for one in kept[name] for m in MACHINES], flush=True)
    OUTPUT.write_text(page(kept), encoding="utf-8")
    rows = [one for rows in kept.values() for one in rows if not one.get("float")]
    return int(any(one.get("float32", {}).get("differing") for one in rows))


if __name__ == "__main__":
    sys.exit(main())
