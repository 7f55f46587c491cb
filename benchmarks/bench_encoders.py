"""Processor time and memory of the fitted encoder, the nearest one beside it (reads ../shared).

    python -m benchmarks.bench_encoders [NETWORK ...]

Each network is quantized in a process of its own, so that its greatest memory is its own. All of
them write benchmarks/ENCODERS.md; named ones print their rows.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from time import process_time

import numpy as np

import npusim
from npusim.quant.options import Options
from npusim.quant.quantize import prepare, quantize_prepared
from tools.checkout import MODELS, ROOT, commit
from tools.markdown import row

SCHEMES = (("uniform", 4), ("pwlq", 3), ("subset", 4), ("subset", 3), ("lut", 4))
NETWORKS = {"kws": SCHEMES, "ic_resnet8": SCHEMES, "mobilenet_v2": SCHEMES[:1]}
THREADS = 2
PAGE = ROOT / "benchmarks" / "ENCODERS.md"
MIB = 1 << 10
"""Kilobytes, in which the system counts a process's memory."""


def network_and_samples(name: str) -> tuple[npusim.Network, np.ndarray]:
    """Return a network and about 32 samples of its input (63 of KWS), as its file takes them."""
    if name == "kws":
        x = np.load(MODELS / "samples/kws01.npz")["x"][::12].astype(np.float64)
        return npusim.load(MODELS / "onnx/kws_dscnn_fp32.onnx"), (x - 83) * 0.5847029089927673
    photos = np.load(MODELS / "samples/photos.npz")
    if name == "ic_resnet8":
        views = [p[i : i + 96 : 3, j : j + 96 : 3] for p in photos["x128"]
                 for i in (0, 32) for j in (0, 32)]  # fmt: skip
        return npusim.load(MODELS / "onnx/ic_resnet8_fp32.onnx"), np.stack(views).astype(np.float64)
    network = npusim.load(MODELS / "tflite/tflm_mobilenet_v2_int8.tflite")
    q = network.tensors[network.inputs[0]].quantization
    assert q is not None
    shifted = [np.roll(photos["x224"], s, axis=2) for s in (0, 16, 32, 48)]
    pixels = np.concatenate(shifted).transpose(0, 3, 1, 2)[:32].astype(np.float64) - 128
    return network, (pixels - int(q.zero_point)) * float(q.scale)


def measure(name: str) -> None:
    """Print the rows of one network."""
    network, samples = network_and_samples(name)
    start = process_time()
    prepared = prepare(network, samples, THREADS)
    spent, used = process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(row(name, "calibration", f"{spent:.1f}", "", f"{used / MIB:.0f}"), flush=True)
    for scheme, bits in NETWORKS[name]:
        times = []
        for encoder in ("nearest", "feedback"):
            options = Options(scheme, bits, encoder=encoder)
            start = process_time()
            quantize_prepared(prepared, options, threads=THREADS)
            times.append(f"{process_time() - start:.1f}")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(row(name, f"{scheme} {bits}", *times, f"{used / MIB:.0f}"), flush=True)


INTRODUCTION = """# Encoders: time and memory

Written by `python -m benchmarks.bench_encoders` at commit {commit}; {processors} processors.
Seconds are those of all processors together. Other work on the computer makes them longer: the
load average of the last five minutes of this run was {load:.0f}.
Kernels that were not compiled before are compiled within the first row that needs them. Memory is
the process's greatest so far, interpreter, network and samples included. 63 calibration samples of
KWS, 32 to 36 of the others; MobileNetV2 is that of 224 x 224 pictures.

"""


def main(names: list[str]) -> None:
    """Measure one network here, or all in processes of their own."""
    if names:
        for name in names:
            measure(name)
        return
    titles = ("network", "scheme", "nearest, s", "feedback, s", "greatest memory, MiB")
    table = [row(*titles), row("---", "---", "--:", "--:", "--:")]
    for name in NETWORKS:
        command = [sys.executable, "-m", "benchmarks.bench_encoders", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        table += done.stdout.splitlines()
    text = INTRODUCTION.format(commit=commit(), processors=os.cpu_count(), load=os.getloadavg()[1])
    PAGE.write_text(text + "\n".join(table) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
