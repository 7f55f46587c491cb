"""Read what the user feeds to a network: .npy, .npz, or an image."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, ShapeError, UnsupportedError
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor

IMAGE_SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
LABEL_KEY = "y"


@dataclass(frozen=True, eq=False)
class Samples:
    """A batch for a network's input, in the file's layout, with class labels where there are any.

    `x` has a leading batch axis; `labels` is int64 [N] or None.
    """

    x: NDArray
    labels: NDArray[np.int64] | None


def read_samples(path: Path, network: Network) -> Samples:
    """Return the samples in the file at `path` for the one input of `network`.

    An .npz file holds the samples under the input's name, under `x`, or as its only array, and may
    hold class labels under `y`. Pixels of an image become 0..1 for a float input, pixel - 128 for
    int8, the pixel itself for uint8.

    Raises
    ------
    FormatError
        The file cannot be read, or it is not clear which of its arrays is meant.
    ShapeError
        The array is neither one sample nor a batch of samples.
    RangeError
        A label is no class: none of the scores in the network's first output.
    UnsupportedError
        As `input_tensor`.
    """
    tensor = input_tensor(network)
    if path.is_dir():
        raise FormatError(f"{path}: expected a .npy, .npz or image file, found a directory")
    if not path.exists():
        raise FormatError(f"{path}: no such file")
    labels = None
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        x = _read_image(path, tensor)
    elif suffix in (".npy", ".npz"):
        arrays = _read_arrays(path)
        labels = arrays.pop(LABEL_KEY, None) if len(arrays) > 1 else None
        x = _choose(path, arrays, tensor)
    else:
        raise FormatError(f"{path}: expected a .npy, .npz or image file, found suffix {suffix!r}")
    x = _with_batch_axis(path, x, tensor)
    if labels is not None:
        labels = np.asarray(labels).reshape(-1)
        if labels.dtype.kind not in "iu" or len(labels) != len(x):
            raise ShapeError(
                f"{path}: expected {len(x)} integer labels under {LABEL_KEY!r}, "
                f"found {labels.dtype} {list(labels.shape)}"
            )
        labels = labels.astype(np.int64)
        classes = prod(network.tensors[network.outputs[0]].shape)
        strange = np.flatnonzero((labels < 0) | (labels >= classes))
        if strange.size:
            raise RangeError(
                f"{path}: label of sample {strange[0]}: expected a class of 0..{classes - 1}, "
                f"found {labels[strange[0]]}"
            )
    return Samples(x, labels)


def zeros(network: Network) -> Samples:
    """Return one sample of zeros for the one input of `network`."""
    tensor = input_tensor(network)
    return Samples(tensor.in_file_order(np.zeros(tensor.shape, tensor.dtype)), None)


def input_tensor(network: Network) -> Tensor:
    """Return the one tensor that `network` takes samples for.

    Raises
    ------
    UnsupportedError
        It has several inputs, or weights that its file does not hold.
    """
    if network.absent_weights:
        raise UnsupportedError(
            f"{network.name}: its file holds shapes without weights; npusim estimate takes it"
        )
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network with one input, found {len(network.inputs)}"
        )
    return network.tensors[network.inputs[0]]


def _read_arrays(path: Path) -> dict[str, NDArray]:
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"x": content}
        with content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{path}: not a readable numpy file: {reason}") from None


def _choose(path: Path, arrays: dict[str, NDArray], tensor: Tensor) -> NDArray:
    for name in (tensor.name, "x"):
        if name in arrays:
            return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise FormatError(
        f"{path}: expected an array named {tensor.name!r} or 'x', "
        f"found {', '.join(arrays) or 'none'}"
    )


def _read_image(path: Path, tensor: Tensor) -> NDArray:
    from PIL import Image, UnidentifiedImageError

    if len(tensor.shape) != 4 or tensor.shape[3] not in (1, 3):
        raise ShapeError(
            f"{path}: an image needs an input of 1 or 3 channels, "
            f"{tensor.name} is {list(tensor.shape)}"
        )
    _, height, width, channels = tensor.shape
    try:
        with Image.open(path) as image:
            grey_or_colour = image.convert("L" if channels == 1 else "RGB")
            resized = grey_or_colour.resize((width, height), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError) as error:
        raise FormatError(f"{path}: not a readable image: {error}") from None
    pixels = np.asarray(resized, np.uint8).reshape(1, height, width, channels)
    if tensor.is_float:
        values = pixels.astype(np.float32) / np.float32(255)
    elif tensor.dtype == np.int8:
        values = (pixels.astype(np.int16) - 128).astype(np.int8)
    else:
        values = pixels.astype(tensor.dtype)
    return tensor.in_file_order(values)


def _with_batch_axis(path: Path, x: NDArray, tensor: Tensor) -> NDArray:
    sample = _file_shape(tensor)
    if x.shape == sample:
        return x
    if x.shape[1:] == sample[1:]:
        if not len(x):
            raise ShapeError(f"{path}: expected at least one sample, found {list(x.shape)}")
        return x
    if x.shape == sample[1:] and sample[0] == 1:
        return x[None]
    raise ShapeError(
        f"{path}: expected {list(sample)} or a batch [N{''.join(f' {n}' for n in sample[1:])}] "
        f"for input {tensor.name}, found {list(x.shape)}"
    )


def _file_shape(tensor: Tensor) -> tuple[int, ...]:
    order = tensor.file_order or range(len(tensor.shape))
    return tuple(tensor.shape[axis] for axis in order)
