"""The reference networks: their files, golden values, and LiteRT itself as a live witness."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

NAMES = (
    "ad_ae_int8",
    "coral_mobilenet_v1_025_128_uint8",
    "coral_tf2_mobilenet_v2_ptq",
    "ic_resnet8_int8",
    "ic_resnet_6blk_int8",
    "ic_resnet_large_int8",
    "kws_dscnn_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
    "tflm_mobilenet_v2_int8",
    "tflm_person_detect_int8",
    "vww_14blk_int8",
    "vww_mbv1_int8",
)


def model_path(shared: Path, name: str) -> Path:
    """Return the file of a network; one of them carries a suffix that its golden values do not."""
    plain = shared / "models" / "tflite" / f"{name}.tflite"
    return plain if plain.exists() else plain.with_stem(f"{name}_qdimfix")


def golden(shared: Path, name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return inputs `x`, final outputs `ref`, `opt`, `xnn`, and each tensor's hash for x[0]."""
    folder = shared / "models" / "golden"
    with np.load(folder / f"{name}.npz") as file:
        arrays = {key: file[key] for key in ("x", "ref", "opt", "xnn")}
    return arrays, json.loads((folder / f"{name}.sha256.json").read_text())


def live_inputs(x: np.ndarray, count: int) -> np.ndarray:
    """Return `count` inputs beyond the first: the last ones, with noise where there are too few."""
    if len(x) > count:
        return x[-count:]
    repeated = np.resize(x, (count, *x.shape[1:]))
    noise = np.random.default_rng(1).integers(-20, 21, repeated.shape)
    limits = np.iinfo(x.dtype)
    return np.clip(repeated + noise, limits.min, limits.max).astype(x.dtype)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def litert(content: bytes | Path, kernels: str, every_tensor: bool = False) -> Any:
    """Return a LiteRT interpreter of the `ref`, `opt` or `xnn` kernels, ready to run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = {
        "ref": OpResolverType.BUILTIN_REF,
        "opt": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "xnn": OpResolverType.AUTO,
    }[kernels]
    source = (
        {"model_content": content} if isinstance(content, bytes) else {"model_path": str(content)}
    )
    interpreter = Interpreter(
        **source,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=every_tensor,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def invoke(interpreter: Any, *inputs: np.ndarray) -> np.ndarray:
    """Run one sample and return a copy of the first output."""
    for detail, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


def tensors(interpreter: Any, names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the value of each tensor `t<index>` after a run."""
    for name in names:
        yield name, interpreter.get_tensor(int(name[1:]))
