"""Read what the user feeds to a network: .npy, .npz, a picture, or a folder of pictures.

What numbers mean is one rule for every command. Floats are real values. Integers are codes of the
network's input; a network that takes real values has no codes, so it refuses them. With `integers`
they are real values, or pixels 0..255 that are prepared as pictures are (pictures.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, ShapeError, UnsupportedError
from npusim.formats.arrays import read_arrays
from npusim.formats.pictures import SUFFIXES, Preprocessing, read_picture
from npusim.formats.shipped import shipped
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor
from npusim.reading import is_there
from npusim.words import IntegerMeaning

LABEL_KEY = "y"
AS_IT_IS = Preprocessing()
"""The whole picture, its pixels as 0..1."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A batch for a network's input, in the file's layout, with class labels where there are any.

    `x` has a leading batch axis; `labels` is int64 [N] or None. `meaning` says in words what the
    numbers are; `picture` what was done to pixels, JSON-ready, None where there were none.
    """

    x: NDArray
    labels: NDArray[np.int64] | None
    meaning: str
    picture: dict[str, Any] | None = None

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.x) if self.x.ndim else 1

    def as_json(self) -> dict[str, Any]:
        """Return what the numbers are, JSON-ready."""
        return {"meaning": self.meaning} | ({"picture": self.picture} if self.picture else {})


@dataclass(frozen=True)
class Reading:
    """How files of samples are read: what integers in them are, and what is done to pictures.

    `given` names the settings of `preprocessing` that somebody chose.
    """

    integers: IntegerMeaning = "codes"
    preprocessing: Preprocessing = AS_IT_IS
    given: tuple[str, ...] = ()

    def require_used(self, samples: Iterable[Samples]) -> None:
        """Raise UnsupportedError where none of `samples` are what a chosen setting is for."""
        done = [each.picture for each in samples if each.picture is not None]
        for name in self.given:
            expected = "pictures" if name == "crop" else "pictures, or --samples pixels"
            if all(picture[name] is None for picture in done):
                raise UnsupportedError(f"--{name}: expected {expected}, found other samples")


BY_DEFAULT = Reading()


def read_samples(
    path: Path,
    network: Network,
    reading: Reading = BY_DEFAULT,
    name: str = "",
    held: dict[str, NDArray] | None = None,
) -> Samples:
    """Return the samples in the file at `path` for the input `name` of `network`, or its only one.

    An .npz file holds the samples under the input's name, under `x`, or as its only array, and may
    hold class labels under `y`; `FILE.npz:KEY` names the array. A folder holds pictures, which are
    taken in the order of their names. `held`: the arrays of the file, where it has been read.

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
    tensor = network.tensors[name] if name in network.inputs else input_tensor(network)
    path, key = _file_and_key(path)
    path = shipped(path)
    if not is_there(path):
        raise FormatError(f"{path}: no such file")
    labels, integers = None, reading.integers
    preprocessing = replace(reading.preprocessing, crop=None)
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or path.is_dir():
        files = _pictures_in(path) if path.is_dir() else [path]
        preprocessing = reading.preprocessing
        x = np.concatenate([read_picture(file, tensor, preprocessing.crop) for file in files])
        integers = "pixels"
    elif suffix in (".npy", ".npz"):
        arrays = read_arrays(path) if held is None else dict(held)
        labels = arrays.pop(LABEL_KEY, None) if len(arrays) > 1 and key != LABEL_KEY else None
        labels = None if LABEL_KEY in network.inputs else labels
        x = _choose(path, arrays, key, tensor)
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
    return _understood(path, x, labels, tensor, integers, preprocessing)


def _understood(
    path: Path,
    x: NDArray,
    labels: NDArray[np.int64] | None,
    tensor: Tensor,
    integers: IntegerMeaning,
    preprocessing: Preprocessing,
) -> Samples:
    """Return the samples with their integers as what they mean."""
    if x.dtype.kind in "iu" and integers == "pixels":
        real = preprocessing.real_values(x, tensor)
        return Samples(real, labels, "pixels as real values", preprocessing.as_json(tensor))
    if x.dtype.kind == "f" and integers == "pixels":
        raise FormatError(f"{path}: expected integers 0..255 as pixels, found {x.dtype}")
    if x.dtype.kind in "iu" and integers == "real":
        return Samples(x.astype(np.float32), labels, f"{x.dtype} as real values")
    if x.dtype.kind in "iu" and tensor.is_float:
        raise FormatError(
            f"{path}: {x.dtype} numbers are codes, and {tensor.name} takes real values; "
            "--samples real or --samples pixels says what else they are"
        )
    if x.dtype.kind in "iu" and x.dtype != tensor.dtype:
        raise FormatError(
            f"{path}: expected {tensor.dtype} codes for {tensor.name}, found {x.dtype}; "
            "--samples real or --samples pixels says what else they are"
        )
    return Samples(x, labels, _said(x, tensor))


def _said(x: NDArray, tensor: Tensor) -> str:
    """Return in words what the numbers `x` are to a network with the input `tensor`."""
    if x.dtype.kind == "f":
        return "real values"
    return f"{x.dtype} codes" if tensor.quantization is not None else f"{x.dtype}"


def zeros(tensor: Tensor) -> Samples:
    """Return one sample of zeros for an input."""
    x = tensor.in_file_order(np.zeros(tensor.shape, tensor.dtype))
    return Samples(x, None, _said(x, tensor))


def input_tensor(network: Network) -> Tensor:
    """Return the one tensor that `network` takes samples for.

    Raises
    ------
    UnsupportedError
        It has several inputs, or weights that its file does not hold.
    """
    require_weights(network)
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network with one input, found {len(network.inputs)}"
        )
    return network.tensors[network.inputs[0]]


def require_weights(network: Network) -> None:
    """Raise UnsupportedError where the network's file holds shapes alone."""
    if network.absent_weights:
        raise UnsupportedError(
            f"{network.name}: its file holds shapes without weights; npusim estimate takes it"
        )


def _file_and_key(path: Path) -> tuple[Path, str]:
    """Return the file of `FILE.npz:KEY` and the key; empty where none is named."""
    name, colon, key = path.name.rpartition(":")
    if colon and name.lower().endswith(".npz") and not is_there(path):
        return path.with_name(name), key
    return path, ""


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not found:
        raise FormatError(f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none")
    return found


def _choose(path: Path, arrays: dict[str, NDArray], key: str, tensor: Tensor) -> NDArray:
    if key and key not in arrays:
        raise FormatError(
            f"{path}: expected an array named {key!r}, found {', '.join(arrays) or 'none'}"
        )
    for name in (key, tensor.name, "x"):
        if name in arrays:
            return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise FormatError(
        f"{path}: expected an array named {tensor.name!r} or 'x', "
        f"found {', '.join(arrays) or 'none'}"
    )


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
