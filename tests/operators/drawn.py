"""What the tests of operators draw from seeds: files, and their comparison with their runtime.

A test holds it as its attribute `drawn`, so that tests/fuzz/ can draw thousands of what the test
draws a hundred of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True)
class Drawn:
    """Files of one kind."""

    ending: str
    content: Callable[[int], bytes]
    """The file of a seed."""
    compare: Callable[[int], None]
    """Raises AssertionError where an output of a seed's file is not its runtime's."""


def every_drawn() -> dict[str, Drawn]:
    """Return the kinds of all tests here by the name `runtime:page:test`."""
    found: dict[str, Drawn] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        page = path.stem.removeprefix("test_")
        for name, test in vars(import_module(f"tests.operators.{path.stem}")).items():
            drawn = getattr(test, "drawn", None)
            if name.startswith("test_") and isinstance(drawn, Drawn):
                runtime = "litert" if drawn.ending == ".tflite" else "onnx"
                found[f"{runtime}:{page}:{name.removeprefix('test_')}"] = drawn
    return found
