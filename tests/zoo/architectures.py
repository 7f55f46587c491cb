"""Small float networks of many kinds, drawn from a seed: what users give onnxruntime's quantizer.

An architecture is a function from a Draft to the names of the outputs. Sizes are drawn, so that
channels and extents are odd as often as even.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from tests.zoo import classifiers, dense_outputs, detectors, mixtures, sequences, transformers
from tests.zoo.draft import Draft

Architecture = Callable[[Draft], list[str]]

ARCHITECTURES: tuple[Architecture, ...] = (
    classifiers.plain,
    classifiers.vgg,
    classifiers.resnet,
    classifiers.preactivation,
    classifiers.mobilenet_v1,
    classifiers.mobilenet_v2,
    classifiers.mobilenet_v3,
    classifiers.efficientnet,
    classifiers.densenet,
    classifiers.inception,
    classifiers.squeezenet,
    classifiers.shufflenet,
    classifiers.regnet,
    dense_outputs.unet,
    dense_outputs.unet_resized,
    dense_outputs.deeplab,
    dense_outputs.segmented,
    dense_outputs.pyramid,
    dense_outputs.yolo,
    dense_outputs.ssd,
    dense_outputs.super_resolution,
    dense_outputs.autoencoder,
    dense_outputs.style,
    sequences.vit,
    sequences.bert,
    sequences.gpt,
    sequences.mixer,
    sequences.convnext,
    sequences.audio,
    sequences.temporal,
    sequences.gru,
    sequences.lstm,
    mixtures.detr,
    mixtures.perceptron,
    mixtures.rectified,
    mixtures.local,
    mixtures.reduce,
    mixtures.expo,
    mixtures.extremes,
    mixtures.sliced,
    mixtures.graph_convolution,
    mixtures.siamese,
    mixtures.einsum,
    mixtures.tiled,
    transformers.masked_bert,
    transformers.counted_positions,
    transformers.rotary,
    transformers.swin,
    transformers.pooled_at_end,
    transformers.recognizer,
    transformers.keywords,
    detectors.distributed_boxes,
    detectors.best_queries,
    detectors.peaks,
    detectors.weighted_pyramid,
    detectors.attended,
    detectors.segformer,
    detectors.enlarged,
    detectors.grouped_norm,
    detectors.wavenet,
    detectors.points,
)


def model(architecture: Architecture, seed: int) -> onnx.ModelProto:
    """Return a float model of the architecture."""
    draft = Draft(seed)
    return draft.model(*architecture(draft))


def samples(proto: onnx.ModelProto, seed: int, count: int) -> list[dict[str, np.ndarray]]:
    """Return inputs for a model by name: normal values; integers within 0..19."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        feed = {}
        for value in proto.graph.input:
            kind = value.type.tensor_type
            shape = [axis.dim_value for axis in kind.shape.dim]
            integers = kind.elem_type == onnx.TensorProto.INT64
            feed[value.name] = (
                rng.integers(0, 20, shape) if integers else rng.normal(size=shape).astype("f")
            )
        found.append(feed)
    return found
