"""reverse_sequence: LiteRT's values for every type it takes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values


@random_layers
def test_values_equal_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(2, 4, 5), ["uint8", "int16", "int32", "int64", "float32"])
    time, batch = draw.rng.permutation(len(x.shape))[:2]
    lengths = Value((x.shape[batch],), "int32")
    chosen = options("ReverseSequenceOptions", seqDim=int(time), batchDim=int(batch))
    drawn = draw.rng.integers(0, x.shape[time] + 1, lengths.shape).astype(np.int32)
    compare(Layer("REVERSE_SEQUENCE", [x, lengths], [x], chosen, [draw.array(x), drawn]))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(2, 5)))
    batch = int(rng.integers(2))
    lengths = rng.integers(0, shape[1 - batch] + 1, shape[batch])
    node = helper.make_node(
        "ReverseSequence", ["x", "n"], ["y"], batch_axis=batch, time_axis=1 - batch
    )
    x = values(rng, shape, np.float32)
    return [node], {"x": x, "n": lengths}, {}, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)
