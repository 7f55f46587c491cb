"""What onnxruntime's own quantizers write of small float networks runs, equal in every byte.

Static in both forms and three pairs of types, and dynamic; the witness is a default session. The
grid is the architectures x FORMS. By hand, with other sizes and weights:

    python -m tests.zoo.test_onnxruntime_quantizers 0 1 2
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

import npusim
from tests.simulator.onnxruntime_reference import ALL, npusim_run, session
from tests.zoo.architectures import ARCHITECTURES, Architecture, model, samples

TYPES = {
    "u8s8": (QuantType.QUInt8, QuantType.QInt8),
    "s8s8": (QuantType.QInt8, QuantType.QInt8),
    "u8u8": (QuantType.QUInt8, QuantType.QUInt8),
}
"""Of activations and weights."""

FORMS = (
    *((form, types) for form in ("QDQ", "QOperator") for types in TYPES),
    ("dynamic", "u8s8"), ("dynamic", "u8u8"),
)  # fmt: skip
LEFT_OUT = {
    ("gpt", "QOperator"): "onnxruntime's quantizer itself fails: it loses a value that Where reads",
    ("enlarged", "QOperator"): "onnxruntime itself has no cubic of integers",
    **{
        (name, "dynamic"): "onnxruntime sums an Add and the LayerNormalization behind it otherwise"
        for name in ("vit", "masked_bert", "pooled_at_end")
    },
    ("perceptron", "dynamic"): "the C library's logarithm differs in its last bit",
    ("local", "dynamic"): "LRN's powers are Eigen's, which differ in the last place",
}


class Feeds(CalibrationDataReader):
    """Hands the quantizer its calibration samples."""

    def __init__(self, feeds: list[dict[str, np.ndarray]]) -> None:
        self.feeds = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def quantized(proto: onnx.ModelProto, form: str, types: str, per_channel: bool, path: Path) -> None:
    """Write the model, quantized by onnxruntime, to `path`."""
    activations, weights = TYPES[types]
    logging.disable(logging.WARNING)
    try:
        if form == "dynamic":
            quantize_dynamic(proto, path, weight_type=weights, per_channel=per_channel)
        else:
            quantize_static(
                proto, path, Feeds(samples(proto, 5, 3)), quant_format=QuantFormat[form],
                activation_type=activations, weight_type=weights, per_channel=per_channel,
            )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)


def differing(architecture: Architecture, seed: int, form: str, types: str) -> str:
    """Return what differs, or what was refused; empty where all bytes are equal."""
    proto = model(architecture, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "quantized.onnx")
        quantized(proto, form, types, seed % 2 == 1, path)
        runtime = session(onnx.load(path), ALL)
        try:
            network = npusim.load(path)
        except npusim.NpuError as error:
            return str(error)
    found = []
    for feed in samples(proto, 9, 3):
        values = npusim_run(network, feed)
        for output, expected in zip(runtime.get_outputs(), runtime.run(None, feed), strict=True):
            count = int(np.count_nonzero(values[output.name] != expected))
            if count:
                found.append(f"{output.name}: {count} of {expected.size}")
    return ", ".join(found)


def forms(architecture: Architecture) -> list[tuple[str, str]]:
    """Return the forms and types that the architecture is quantized to."""
    return [form for form in FORMS if (architecture.__name__, form[0]) not in LEFT_OUT]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.__name__)
def test_every_byte_of_a_default_session(architecture: Architecture) -> None:
    found = {form: differing(architecture, 0, *form) for form in forms(architecture)}
    assert not any(found.values()), found


if __name__ == "__main__":
    for number in sys.argv[1:]:
        for one in ARCHITECTURES:
            for form in forms(one):
                text = differing(one, int(number), *form)
                if text:
                    print(one.__name__, *form, f"seed {number}:", text, flush=True)
