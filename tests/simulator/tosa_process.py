"""Arm's TOSA reference model on .tflite files: a program for the environment .venv-tosa.

    .venv-tosa/bin/python tosa_process.py FOLDER

Each NAME.tflite of the folder runs on the samples of NAME.npz: one array [samples, *shape] for
each of the file's inputs, in their order. The outputs go to NAME.out.npz in the same form, or why
it does not convert or run to NAME.error. Nothing of npusim is imported here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import tosa_reference_model  # type: ignore[import-not-found]  # of .venv-tosa
from tosa_converter_for_tflite import (  # type: ignore[import-not-found]
    TosaConverterDebugInfo,
    TosaConverterOutputFormat,
    tflite_flatbuffer_to_tosa_mlir,
)

OPTIMIZER = Path(sys.executable).parent / "tosa-opt"


def graph(path: Path) -> bytes:
    """Return the TOSA graph of one sample: batches left open become 1, types signless."""
    text = path.with_suffix(".mlir")
    tflite_flatbuffer_to_tosa_mlir(
        str(path), str(text), TosaConverterOutputFormat.Text, TosaConverterDebugInfo.Disabled
    )
    mlir = text.read_text().replace("tensor<?x", "tensor<1x").replace("dense<[-1, ", "dense<[1, ")
    target = path.with_suffix(".tosa")
    arguments = ("--tosa-convert-integer-type-to-signless", "--tosa-serialize")
    subprocess.run(
        [OPTIMIZER, *arguments, f"--tosa-flatbuffer-filename={target}"],
        input=mlir, text=True, check=True, capture_output=True,
    )  # fmt: skip
    return target.read_bytes()


def outputs(path: Path) -> list[np.ndarray]:
    """Return each output for all samples, in the order of the file's outputs."""
    model = graph(path)
    with np.load(path.with_suffix(".npz")) as file:
        inputs = [file[name] for name in file.files]
    samples = []
    for i in range(len(inputs[0])):
        one = [np.ascontiguousarray(x[i]) for x in inputs]
        signless = [x.view(f"int{8 * x.itemsize}") if x.dtype.kind == "u" else x for x in one]
        found, status = tosa_reference_model.run(model, signless)
        if status != tosa_reference_model.GraphStatus.TOSA_VALID:
            raise RuntimeError(f"the reference model says {status}")
        samples.append(found)
    return [np.stack(values) for values in zip(*samples, strict=True)]


def main(folder: Path) -> None:
    """Run every file of the folder."""
    for path in sorted(folder.glob("*.tflite")):
        try:
            found = outputs(path)
        except subprocess.CalledProcessError as error:
            path.with_suffix(".error").write_text(error.stderr)
        except (RuntimeError, ValueError) as error:
            path.with_suffix(".error").write_text(str(error))
        else:
            np.savez(path.with_suffix(".out.npz"), *found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
