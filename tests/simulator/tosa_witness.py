"""Arm's TOSA reference model as a witness of rule `tosa`: .tflite in, bytes out.

It lives in an environment of its own (`make tosa` makes it), since its wheels pin other versions.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("NPUSIM_TOSA", ROOT / ".venv-tosa")) / "bin" / "python"
PROCESS = Path(__file__).with_name("tosa_process.py")

Answer = list[NDArray] | str
"""A file's outputs, or why the converter or the model refuses it."""


def tosa_reference(
    files: Mapping[str, tuple[bytes, Sequence[NDArray]]],
) -> dict[str, Answer]:
    """Return the outputs of each file, given by its bytes and its inputs [samples, *shape]."""
    found: dict[str, Answer] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, (content, inputs) in files.items():
            (folder / f"{key}.tflite").write_bytes(content)
            np.savez(folder / f"{key}.npz", *inputs)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run(
            [PYTHON, PROCESS, folder], check=True, env=environment, capture_output=True, text=True
        )
        for key in files:
            error = folder / f"{key}.error"
            if error.exists():
                found[key] = error.read_text()
                continue
            with np.load(folder / f"{key}.out.npz") as file:
                found[key] = [file[k] for k in file.files]
    return found


def is_installed() -> bool:
    """Return whether the model can be asked."""
    return PYTHON.with_name("tosa_reference_model").exists()


def versions() -> dict[str, str]:
    """Return the versions of the environment's packages by name."""
    found = subprocess.run(
        [PYTHON, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return dict(line.split("==") for line in found.stdout.splitlines() if "==" in line)


def differing(expected: NDArray, y: NDArray) -> int:
    """Return in how many values `y` differs from what the model, which has no uint8, gave."""
    of_type = expected.view(y.dtype) if expected.dtype.itemsize == y.dtype.itemsize else expected
    return int(np.count_nonzero(of_type.reshape(y.shape) != y))
