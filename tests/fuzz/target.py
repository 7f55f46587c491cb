"""What a hostile file is taken through, in a process of its own with little memory and time.

    python -m tests.fuzz.target

Reads the names of files from standard input, one a line, and answers each with one line: how many
lines of npusim it is the first to reach, and `ok`, `refused` and the message, or `FOUND` and what
else was raised. A file that takes too long ends the process, as one does that crashes it.
"""

from __future__ import annotations

import resource
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

import npusim
from npusim.errors import NpuError
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.space import read_space
from npusim.formats.pictures import read_picture
from npusim.formats.samples import read_samples
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor
from npusim.isa.assembly import assemble, disassemble
from npusim.isa.check import check
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.printable import one_line
from npusim.quant.recipe import read_recipe
from npusim.simulator.run import time_program

MEMORY_BYTES = 6 << 30
PROCESSOR_SECONDS = 30
WAITING_SECONDS = 300
"""What a file may take of the processor, and in all: one that waits for ever is found too."""
SMALL_ELEMENTS = 1 << 22
"""Networks with a larger tensor are read and not run: that is work, not a fault."""
PICTURE = Tensor("picture", (1, 8, 8, 3), np.dtype("uint8"))
SAMPLES = Network("samples", "onnx", (), {"x": Tensor("x", (1, 64), np.dtype("float32"))},
                  ("x",), ("x",))  # fmt: skip


def network(path: Path) -> None:
    """Read, estimate and run a network."""
    found = npusim.load(path)
    if any(np.prod(t.shape, dtype=np.float64) > SMALL_ELEMENTS for t in found.tensors.values()):
        return
    if found.is_integer:
        npusim.estimate(found, "nano")
    x = {name: np.ones(found.tensors[name].shape, found.tensors[name].dtype)
         for name in found.inputs}  # fmt: skip
    prepare(found).run({name: found.tensors[name].in_file_order(v) for name, v in x.items()})


def program(path: Path) -> None:
    """Read, check, time and disassemble a program."""
    found = Program.load(path)
    disassemble(found.instructions)
    found.check()
    time_program(found)


def assembly(path: Path) -> None:
    """Assemble and check a text."""
    check(assemble(path.read_text(encoding="utf-8", errors="replace")), Machine.load("nano"))


def document(path: Path) -> None:
    """Read a TOML file as each of the documents that there are."""
    refused = []
    for reader in (Machine.load, read_space, read_recipe):
        try:
            reader(path)
        except NpuError as error:
            refused.append(error)
    if len(refused) == 3:
        raise refused[0]


def samples(path: Path) -> None:
    """Read arrays as the samples of a network."""
    read_samples(path, SAMPLES)


def picture(path: Path) -> None:
    """Read a picture."""
    read_picture(path, PICTURE, 0.9)


def journal(path: Path) -> None:
    """Resume a sweep from a damaged journal."""
    results = path.with_suffix(".csv")
    folder = path.with_suffix(".csv.sweep")
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    folder.joinpath("journal.sqlite").write_bytes(path.read_bytes())
    with Journal(results, resume=True) as opened:
        for key in ("a", "b", "c"):
            if key in opened:
                opened[key]
                if opened.has_model(key):
                    opened.model(key)


TARGETS: dict[str, Callable[[Path], None]] = {
    ".tflite": network, ".onnx": network, ".npu": program, ".s": assembly, ".toml": document,
    ".npz": samples, ".npy": samples, ".png": picture, ".sqlite": journal,
}  # fmt: skip
"""By the ending of the file."""


def answer(path: Path) -> str:
    """Return the line that says what came of a file."""
    try:
        TARGETS[path.suffix](path)
    except NpuError as error:
        message = str(error)
        if not message or len(message.splitlines()) > 1:
            return f"FOUND a message of no line or several: {message!r}"
        return f"refused {message}"
    except MemoryError:
        return "refused the memory is full"
    except sqlite3.Error as error:
        return f"FOUND {one_line(repr(error))}"
    except Exception:
        return f"FOUND {one_line(' | '.join(traceback.format_exc().splitlines()[-6:]))}"
    return "ok"


class Reached:
    """The lines of npusim that this process has executed, without those of its kernels."""

    PACKAGE = str(Path(npusim.__file__).parent)
    MOST_CALLS = 1000
    """Calls of a function that are watched: more would only take time."""

    def __init__(self) -> None:
        self.lines: set[tuple[CodeType, int]] = set()
        self._calls: Counter[CodeType] = Counter()

    def call(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        """Watch a function of npusim; for `sys.settrace`."""
        code = frame.f_code
        if not code.co_filename.startswith(self.PACKAGE):
            return None
        self._calls[code] += 1
        return self._line if self._calls[code] <= self.MOST_CALLS else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        self.lines.add((frame.f_code, frame.f_lineno))
        return self._line


def main() -> None:
    """Answer for each file of standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    reached = Reached()
    for line in sys.stdin:
        before = len(reached.lines)
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
        signal.alarm(WAITING_SECONDS)
        sys.settrace(reached.call)
        said = answer(Path(line.rstrip("\n")))
        sys.settrace(None)
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(len(reached.lines) - before, said, flush=True)


if __name__ == "__main__":
    main()
