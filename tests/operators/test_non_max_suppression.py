"""non_max_suppression: places, scores and counts equal LiteRT's, of scores that differ."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers


def drawn(draw: Draw, version: int) -> Layer:
    count, most = draw.between(1, 60), draw.between(1, 30)
    corners = draw.rng.uniform(0, 1, (count, 4))
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:] / 3], axis=1)
    if draw.flag():  # the corners in any order
        boxes = boxes[:, draw.pick([[0, 1, 2, 3], [2, 3, 0, 1], [0, 3, 2, 1]])]
    scores = draw.rng.choice(1 << 12, count, replace=False) / (1 << 12)
    ends = [draw.pick([0.0, 0.3, 0.5, 0.9]), draw.pick([0.0, 0.1, 0.5])]
    sigma = [] if version == 4 else [draw.pick([0.0, 0.5, 0.1])]
    given = [constant(np.array(most, np.int32))]
    given += [constant(np.array(x, np.float32)) for x in (*ends, *sigma)]
    arrays = [boxes.astype(np.float32), scores.astype(np.float32)]
    inputs = [Value(x.shape, "float32") for x in arrays]
    outputs = [Value((most,), "int32"), Value((), "int32")]
    if version == 5:
        outputs.insert(1, Value((most,), "float32"))
    kind = f"NON_MAX_SUPPRESSION_V{version}"
    chosen = options(f"NonMaxSuppressionV{version}Options")
    return Layer(kind, [*inputs, *given], outputs, chosen, arrays)


@random_layers
def test_hard_suppression_equals_litert(draw: Draw) -> None:
    compare(drawn(draw, 4))


@random_layers
def test_soft_suppression_equals_litert(draw: Draw) -> None:
    """Scores are products of e^x, whose last bit is the C library's."""
    compare(drawn(draw, 5), ulp=8)
