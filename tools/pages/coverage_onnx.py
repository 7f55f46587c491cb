"""Run the node tests of the onnx package beside onnxruntime and write docs/coverage_onnx.md.

    python -m tools.pages.coverage_onnx

onnx makes the cases in memory: one node or the nodes that it stands for, with inputs. A case whose
shapes or axes are inputs is tried again with all but the first one or two inputs as constants.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

import npusim
from npusim.prepared.engine import prepare
from tests.simulator.onnxruntime_reference import ALL
from tests.simulator.onnxruntime_reference import session as session_of
from tools.checkout import ROOT
from tools.markdown import header, row

OUTPUT = ROOT / "docs" / "coverage_onnx.md"
NEWEST_IR = 10
"""The version of the format that onnxruntime reads: onnx writes newer ones."""
TYPES = ("float64", "uint32", "uint64")

HEAD = """\
# Coverage of ONNX's operators

Written by `tools/pages/coverage_onnx.py`; do not edit. onnx {onnx}, onnxruntime {onnxruntime}.

The node tests of the onnx package, each run by a default session of onnxruntime (one thread) and
by npusim: {equal} cases of {all} are equal in every byte, {near} have floats that differ, {refused}
are refused. Cases that onnxruntime does not run, that hold strings, sequences or optional values,
or whose inputs are {types} are left out. What is expanded is ONNX's own body of the operator.

Cases in which nothing differs are not listed one by one.

"""
EXPLAINED = """\

## Refused or differing

"Greatest" is the greatest distance of a value, in units in the last place of the expected one
where that is not near 0.

"""


def with_constants(
    model: onnx.ModelProto, feeds: Mapping[str, NDArray], kept: Sequence[str]
) -> onnx.ModelProto:
    """Return the model with every input but `kept` as a constant."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(model.ir_version, NEWEST_IR)
    inputs = [value for value in copy.graph.input if value.name in kept]
    for name, value in feeds.items():
        if name not in kept:
            copy.graph.initializer.append(numpy_helper.from_array(value, name))
    del copy.graph.input[:]
    copy.graph.input.extend(inputs)
    return copy


def of_npusim(model: onnx.ModelProto, feeds: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Return the outputs under the rule of the file's own runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "node.onnx")
        path.write_bytes(model.SerializeToString())
        return prepare(npusim.load(path)).run(dict(feeds))


def distance(found: NDArray, expected: NDArray) -> float:
    """Return the greatest distance in units in the last place, 0 where all is equal."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return float("inf")
    same = (found == expected) | ((found != found) & (expected != expected))
    if same.all():
        return 0.0
    if expected.dtype.kind != "f":
        return float("inf")
    scale = np.maximum(
        np.abs(expected), np.abs(expected).max() / 16 + np.finfo(expected.dtype).tiny
    )
    return float(np.nanmax(np.abs(found - expected)[~same] / np.spacing(scale)[~same]))


def outcome(case: Any) -> tuple[str, str] | None:
    """Return how a case went and why, None where it is left out."""
    model, (inputs, _) = case.model, case.data_sets[0]
    arrays = [np.asarray(x) for x in inputs if isinstance(x, np.ndarray | np.generic)]
    unsuited = len(arrays) < len(inputs) or any(x.dtype.name in TYPES for x in arrays)
    if unsuited or any(x.dtype.kind not in "fiub" for x in arrays):
        return None
    feeds = {v.name: x for v, x in zip(model.graph.input, arrays, strict=False)}
    names = list(feeds)
    why = ""
    for kept in dict.fromkeys((tuple(names), tuple(names[:2]), tuple(names[:1]))):
        bound = with_constants(model, feeds, kept)
        given = {name: feeds[name] for name in kept}
        try:
            runtime = session_of(bound, ALL)
            outputs = [value.name for value in runtime.get_outputs()]
            expected = runtime.run(outputs, given)
        except Exception:  # whatever the runtime refuses a case with
            return None
        if any(not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub" for x in expected):
            return None
        try:
            found = of_npusim(bound, given)
        except npusim.NpuError as error:
            why = why or str(error).partition(": ")[2]
            continue
        far = max(distance(found[n], x) for n, x in zip(outputs, expected, strict=True))
        return ("equal", "") if not far else ("differing", f"greatest {far:.2g}")
    return "refused", why


def main() -> None:
    """Write the page."""
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases

    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for case in collect_testcases(None):
        result = outcome(case) if case.model is not None and case.data_sets else None
        if result is not None:
            expanded = "_expanded" in case.name
            assert case.model is not None
            kinds = sorted({node.op_type for node in case.model.graph.node})
            operator = "expanded" if expanded else ", ".join(kinds)
            found[operator].append((case.name.removeprefix("test_"), *result))
    states = Counter(state for cases in found.values() for _, state, _ in cases)
    text = HEAD.format(
        onnx=version("onnx"), onnxruntime=version("onnxruntime"), all=states.total(),
        equal=states["equal"], near=states["differing"], refused=states["refused"],
        types=", ".join(TYPES),
    )  # fmt: skip
    lines = header("operator", "equal", "differing", "refused")
    for operator, cases in sorted(found.items()):
        count = Counter(state for _, state, _ in cases)
        lines.append(row(operator, *(count[s] for s in ("equal", "differing", "refused"))))
    lines += [EXPLAINED, *header("operator", "case", "", "")]
    for operator, cases in sorted(found.items()):
        for name, state, why in cases:
            if state != "equal":
                lines.append(row(operator, name, state, why[:110].replace("|", "/")))
    OUTPUT.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
