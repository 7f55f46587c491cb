"""Thousands of random files of one operator each against its runtime: a night's work, no test.

    python -m tests.fuzz.operators [KIND ...] [--count 5000] [--seed N]

The files are those that tests/operators/ draws a hundred of: a .tflite kind (the name of an
operator, `litert:...`) is compared with LiteRT's three sets of kernels, an .onnx kind (`onnx:...`)
with onnxruntime, every byte, or the last places where the test says so. What differs is named with
its seed; a kind is left at its tenth difference. KIND may end in `*`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from fnmatch import filter as filter_names
from functools import partial
from pathlib import Path

import numpy as np

from tests.operators import three_kernels
from tests.operators.drawn import every_drawn
from tests.operators.litert_cases import KERNELS
from tests.simulator.random_layers import MAKERS

COUNT = 5_000
DIFFERENCES_MOST = 10

Compare = Callable[[int], None]
"""Compares the file that a seed draws; raises AssertionError where a byte differs."""


def kinds(folder: Path) -> dict[str, Compare]:
    """Return all kinds; the files of random layers are written to `folder`."""

    def layer(kind: str, seed: int) -> None:
        for kernels, rule in KERNELS.items():
            three_kernels.compare(kind, seed, kernels, rule, folder / "layer.tflite")

    drawn = {kind: one.compare for kind, one in every_drawn().items()}
    return {kind: partial(layer, kind) for kind in MAKERS} | drawn


def differences(compare: Compare, seeds: range) -> tuple[int, list[str]]:
    """Return how many files were compared, and a line for each that differs."""
    found: list[str] = []
    for number, seed in enumerate(seeds, start=1):
        try:
            compare(seed)
        except Exception as error:  # what cannot be read or run is a difference as well
            said = " ".join(f"{type(error).__name__}: {error}".split())
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
        wanted = options.kinds or ["*"]
        unknown = [pattern for pattern in wanted if not filter_names(every, pattern)]
        if unknown:
            parser.error(f"expected kinds of {', '.join(every)}, found {', '.join(unknown)}")
        for kind in dict.fromkeys(name for each in wanted for name in filter_names(every, each)):
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
