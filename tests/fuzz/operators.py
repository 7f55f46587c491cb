"""Thousands of random files of one operator each against its runtime: a night's work, no test.

    python -m tests.fuzz.operators [KIND ...] [--count 5000] [--seed N]

The files are those that tests/operators/ draws a hundred of: a .tflite kind is compared with
LiteRT's three sets of kernels, an .onnx kind (`onnx:...`) with onnxruntime, every byte. What
differs is named with its seed; a kind is left at its tenth difference.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from tests.conftest import ROOT
from tests.operators import qdq_cases, three_kernels
from tests.operators.litert_cases import KERNELS
from tests.simulator.random_layers import MAKERS

COUNT = 5_000
DIFFERENCES_MOST = 10

Compare = Callable[[int], None]
"""Compares the file that a seed draws; raises AssertionError where a byte differs."""


def onnx_kinds() -> dict[str, Compare]:
    """Return the comparison of each operator whose page's test draws QDQ files."""
    found: dict[str, Compare] = {}
    for path in sorted((ROOT / "tests" / "operators").glob("test_*.py")):
        module = import_module(f"tests.operators.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_") and hasattr(test, "make"):
                kind = f"onnx:{path.stem.removeprefix('test_')}{name.removeprefix('test_bytes')}"
                found[kind] = partial(_qdq, test.make)
    return found


def _qdq(make: qdq_cases.Make, seed: int) -> None:
    for dtype in qdq_cases.TYPES:
        qdq_cases.compare(make, dtype, seed)


def kinds(folder: Path) -> dict[str, Compare]:
    """Return all kinds; the files of .tflite kinds are written to `folder`."""

    def layer(kind: str, seed: int) -> None:
        for kernels, rule in KERNELS.items():
            three_kernels.compare(kind, seed, kernels, rule, folder / "layer.tflite")

    return {kind: partial(layer, kind) for kind in MAKERS} | onnx_kinds()


def differences(compare: Compare, seeds: range) -> tuple[int, list[str]]:
    """Return how many files were compared, and a line for each that differs."""
    found: list[str] = []
    for number, seed in enumerate(seeds, start=1):
        try:
            compare(seed)
        except AssertionError as error:
            said = " ".join(str(error).split())
            found.append(f"seed {seed}: {said[:300]}")
            if len(found) == DIFFERENCES_MOST:
                return number, found
    return len(seeds), found


def main() -> int:
    """Compare, kind by kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    parser.add_argument("--count", type=int, default=COUNT, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first file")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name, np.errstate(all="ignore"):
        every = kinds(Path(name))
        unknown = sorted(set(options.kinds) - set(every))
        if unknown:
            parser.error(f"expected kinds of {', '.join(every)}, found {', '.join(unknown)}")
        for kind in options.kinds or every:
            start = time.monotonic()
            seeds = range(options.seed, options.seed + options.count)
            count, found = differences(every[kind], seeds)
            seconds = time.monotonic() - start
            print(f"{kind}: {count} files, {len(found)} differ, {seconds:.0f} s", flush=True)
            for line in found:
                print(f"  {line}", flush=True)
            wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
