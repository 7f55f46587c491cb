"""interpolate: ONNX's Resize by linear and cubic weights has onnxruntime's bits and bytes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import loaded, model

from .onnx_cases import Case, equals_onnxruntime, values

COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")


def _sizes(rng: np.random.Generator, shape: tuple[int, ...], changed: tuple[int, ...]) -> dict:
    """Return sizes, or scales, that change some axes."""
    if rng.random() < 0.5:
        sizes = [int(rng.integers(1, 12)) if a in changed else n for a, n in enumerate(shape)]
        return {"sizes": np.array(sizes)}
    scales = [
        float(rng.choice([0.5, 1, 1.5, 2, 2.7, 3])) if a in changed else 1
        for a in range(len(shape))
    ]
    return {"scales": np.float32(scales)}


def _node(rng: np.random.Generator, held: dict, **attributes: object) -> object:
    inputs = ["x", "", "scales"] if "scales" in held else ["x", "", "", "sizes"]
    coordinates = COORDINATES[rng.integers(len(COORDINATES))]
    return helper.make_node(
        "Resize", inputs, ["y"], coordinate_transformation_mode=coordinates, **attributes
    )


def _linear(rng: np.random.Generator) -> Case:
    rank = int(rng.integers(2, 6))
    shape = tuple(int(n) for n in rng.integers(2, 8, rank))
    changed = tuple(range(rank))[-3 if rank in (3, 5) else -2 :]
    dtype = (np.float32, np.float32, np.uint8, np.int8)[rng.integers(4)]
    if rank == 4 and rng.random() < 0.3:
        changed = (1, 2)  # channels last in the file
    held = _sizes(rng, shape, changed)
    x = rng.normal(size=shape).astype("f") if dtype is np.float32 else values(rng, shape, dtype)
    return [_node(rng, held, mode="linear")], {"x": x}, held, {"y": dtype}


def _cubic(rng: np.random.Generator) -> Case:
    rank = (2, 4)[rng.integers(2)]
    shape = tuple(int(n) for n in rng.integers(2, 8, rank))
    held = _sizes(rng, shape, (rank - 2, rank - 1))
    x = rng.normal(size=shape).astype("f")
    node = _node(
        rng, held, mode="cubic", exclude_outside=int(rng.integers(2)),
        cubic_coeff_a=float(rng.choice([-0.75, -0.5])),
    )  # fmt: skip
    return [node], {"x": x}, held, {"y": np.float32}


def _in_proportion(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(2, 8, 4))
    sizes = np.array([int(n) for n in rng.integers(2, 12, 2)])
    node = helper.make_node(
        "Resize", ["x", "", "", "sizes"], ["y"], mode="linear", axes=[2, 3],
        keep_aspect_ratio_policy=("not_larger", "not_smaller")[rng.integers(2)],
    )  # fmt: skip
    x = rng.normal(size=shape).astype("f")
    return [node], {"x": x}, {"sizes": sizes}, {"y": np.float32}


def _before_modes(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(2, 8, 4))
    scales = np.float32([1, 1, *rng.choice([0.6, 1, 1.5, 2], 2)])
    mode = ("linear", "nearest")[rng.integers(2)]
    node = helper.make_node("Resize", ["x", "scales"], ["y"], mode=mode)
    return [node], {"x": rng.normal(size=shape).astype("f")}, {"scales": scales}, {"y": np.float32}


test_linear_weights_equal_onnxruntime = equals_onnxruntime(_linear, 300)
test_cubic_weights_equal_onnxruntime = equals_onnxruntime(_cubic)
test_sizes_in_proportion_equal_onnxruntime = equals_onnxruntime(_in_proportion)
test_opset_10_equals_onnxruntime = equals_onnxruntime(_before_modes, opset=10)


def test_antialias_of_integers_is_refused_by_its_name() -> None:
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear", antialias=1)
    x = np.zeros((1, 1, 4, 4), np.uint8)
    proto = model([node], {"x": x}, {"s": np.float32([1, 1, 0.5, 0.5])}, {"y": np.uint8}, 18)
    with pytest.raises(npusim.NpuError, match="antialias of integers"):
        loaded(proto)


def _antialiased(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(2, 12, 4))
    held = _sizes(rng, shape, (2, 3))
    x = rng.normal(size=shape).astype("f")
    mode = ("linear", "cubic")[rng.integers(2)]
    node = _node(rng, held, mode=mode, antialias=1, exclude_outside=int(rng.integers(2)))
    return [node], {"x": x}, held, {"y": np.float32}


test_antialiased_weights_are_close_to_onnxruntimes = equals_onnxruntime(
    _antialiased, last_places=64
)
