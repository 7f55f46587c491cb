"""Run every file of ../shared/corpus beside its runtime and write docs/coverage.md.

    python -m tools.pages.coverage              every file (half an hour), and the page
    python -m tools.pages.coverage --only WORD  prints the rows of files with that in their name

A file's inputs are random; integers draw the whole type. Outputs are compared with LiteRT's
reference kernels or with a default session of onnxruntime, byte for byte; floats also by distance.
Exit code 1 where a file that runs has other bytes on the simulated machine, or no work at all.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.machines import Machine
from tools.checkout import ROOT, SHARED
from tools.markdown import header, row

OUTPUT = ROOT / "docs" / "coverage.md"
MACHINE = Machine.load("base").with_({"array.fp32_requantizer": 1})
CORPUS = SHARED / "corpus"

HEAD = """\
# Coverage

Written by `tools/pages/coverage.py`; do not edit. LiteRT (ai-edge-litert) {litert}, onnxruntime
{onnxruntime}.

The files are public networks and small graphs that nobody here made, but for the `q_*` graphs,
which onnxruntime's own `quantize_static` wrote. Each runs on random inputs in its runtime and
in npusim's kernels engine. "Differing" counts the values of the outputs that are not equal in
every byte; for float outputs the greatest distance stands behind it. "On the machine" counts the
same for engine `machine`, the compiled program on `base` with the float32 requantizer
(`array.fp32_requantizer = 1`). The cycles are what `estimate` says of one sample on `base`: those
of the machine, and those of the host core for what the machine leaves to it, in the host's own
clock. An empty cell is one that has nothing to do: a file of an operator that the host computes has
host cycles alone.

{runs} of {files} files run; {equal} of them are equal in every byte, {near} float networks to the
last places of float32. {on_machine} run on engine `machine` with every byte of the kernels engine,
and {work} take cycles of machine or host.

"""


def sample(shape: list[int], dtype: np.dtype, rng: np.random.Generator) -> NDArray[Any]:
    """Return a random input: the whole range of an integer type, small floats."""
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    high = min(int(limits.max), 127 if dtype.itemsize > 2 else int(limits.max))
    return rng.integers(max(int(limits.min), -high - 1), high + 1, shape).astype(dtype)


def of_litert(path: Path, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return inputs and outputs of the reference kernels, by npusim's names."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    inputs = {}
    for detail in interpreter.get_input_details():
        value = sample([*detail["shape"]], np.dtype(detail["dtype"]), rng)
        interpreter.set_tensor(detail["index"], value)
        inputs[f"t{detail['index']}"] = value
    interpreter.invoke()
    details = interpreter.get_output_details()
    return inputs, {f"t{d['index']}": interpreter.get_tensor(d["index"]).copy() for d in details}


def of_onnxruntime(path: Path, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return inputs and outputs of a session that sums exactly on every processor."""
    import onnx

    from tests.simulator.onnxruntime_reference import ALL
    from tests.simulator.onnxruntime_reference import session as session_of

    session = session_of(onnx.load(path), ALL)
    types = {"float": "float32", "double": "float64"}
    inputs = {}
    for value in session.get_inputs():
        name = value.type.removeprefix("tensor(").removesuffix(")")
        shape = [n if isinstance(n, int) else 1 for n in value.shape]
        inputs[value.name] = sample(shape, np.dtype(types.get(name, name)), rng)
    names = [value.name for value in session.get_outputs()]
    return inputs, dict(zip(names, session.run(names, inputs), strict=True))


def comparison(found: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many values of the outputs differ, and the cell that says so."""
    differing, values, distance = 0, 0, 0.0
    for key, value in expected.items():
        mine = np.asarray(found[key]).reshape(value.shape)
        same = (mine == value) | ((mine != mine) & (value != value))
        differing, values = differing + int((~same).sum()), values + value.size
        if value.dtype.kind == "f" and not same.all():
            distance = max(distance, float(np.abs(mine - value)[~same].max()))
    far = f" (at most {distance:.2g})" if distance else ""
    return differing, f"{differing:,} of {values:,}{far}"


class Ended(NamedTuple):
    """How a file went: equal, near, differing, refused (by npusim), runtime (which refuses it).

    `on_machine`: whether engine machine gives the kernels' bytes. `work`: cycles of machine and
    host together.
    """

    state: str
    cells: list[str]
    on_machine: bool = False
    work: int = 0


def file_row(path: Path) -> Ended:
    """Run a file everywhere; return how it went and its row's cells."""
    rng = np.random.default_rng(1)
    name = str(path.relative_to(CORPUS))
    try:
        reference = of_litert if path.suffix == ".tflite" else of_onnxruntime
        inputs, expected = reference(path, rng)
    except Exception as error:  # whatever the runtime refuses a file with
        why = str(error).splitlines()[0][:90] if str(error) else type(error).__name__
        return Ended("runtime", [name, "", f"the runtime refuses it: {why}", "", "", "", ""])
    try:
        network = npusim.load(path)
        found = npusim.run(network, inputs).outputs
    except npusim.NpuError as error:
        return Ended("refused", [name, "", f"refused: {_why(error, 110)}", "", "", "", ""])
    differing, compared = comparison(found, expected)
    is_same, cycles = False, ["", ""]
    try:
        on_machine = npusim.run(network, inputs, engine="machine", machine=MACHINE).outputs
        _, machine = comparison(on_machine, expected)
        is_same = all(found[key].tobytes() == on_machine[key].tobytes() for key in found)
    except npusim.NpuError as error:
        machine = _why(error, 60)
    work = 0
    try:
        cost = npusim.estimate(network)
        work = cost.cycles + cost.host_cycles
        cycles = [f"{n:,}" if n else "" for n in (cost.cycles, cost.host_cycles)]
    except npusim.NpuError as error:
        cycles = [_why(error, 60), ""]
    kinds = Counter(node.kind for node in network.nodes)
    listed = ", ".join(sorted(kinds)) if len(kinds) < 7 else f"{len(kinds)} kinds"
    cells = [name, listed, "yes", compared, machine, *cycles]
    state = "equal" if not differing else "near" if network.is_float else "differing"
    return Ended(state, cells, is_same, work)


def _why(error: npusim.NpuError, most: int) -> str:
    return str(error).partition(": ")[2][:most]


def main() -> int:
    """Write the page; return 1 where a file that runs lacks the kernels' bytes, or work."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="WORD", help="print these rows, and no page")
    only = parser.parse_args().only
    folders = ("tflite", "operators", "onnx")
    paths = [p for f in folders for p in sorted((CORPUS / f).iterdir())]
    ended = []
    for path in paths:
        if path.suffix in (".tflite", ".onnx") and only in path.name:
            ended.append(file_row(path))
            print(row(*ended[-1].cells), flush=True)
    states = Counter(one.state for one in ended)
    runs = states["equal"] + states["near"] + states["differing"]
    on_machine = sum(one.on_machine for one in ended)
    work = sum(one.work > 0 for one in ended)
    text = HEAD.format(
        litert=version("ai-edge-litert"), onnxruntime=version("onnxruntime"), files=len(ended),
        runs=runs, equal=states["equal"], near=states["near"], on_machine=on_machine, work=work,
    )  # fmt: skip
    titles = (
        "file", "operators", "runs", "differing", "on the machine", "machine cycles", "host cycles",
    )  # fmt: skip
    lines = [*header(*titles), *(row(*one.cells) for one in ended)]
    if not only:
        OUTPUT.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    return int(states["differing"] > 0 or not runs == on_machine == work)


if __name__ == "__main__":
    sys.exit(main())
