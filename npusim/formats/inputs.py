"""What the files on a command line give a network's inputs, one or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.arrays import read_arrays
from npusim.formats.samples import (
    BY_DEFAULT,
    LABEL_KEY,
    Reading,
    Samples,
    read_samples,
    require_weights,
    zeros,
)
from npusim.graph.network import Network


@dataclass(frozen=True, eq=False)
class Inputs:
    """What each input of a network is given, by name."""

    samples: dict[str, Samples]

    @property
    def x(self) -> dict[str, NDArray]:
        """The arrays by the inputs' names, in the file's layout."""
        return {name: samples.x for name, samples in self.samples.items()}

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class labels, where a file has some."""
        found = (each.labels for each in self.samples.values() if each.labels is not None)
        return next(found, None)

    @property
    def meaning(self) -> str:
        """What the numbers are, in words."""
        if len(self.samples) == 1:
            return next(iter(self.samples.values())).meaning
        return ", ".join(f"{name} {each.meaning}" for name, each in self.samples.items())

    def as_json(self) -> dict[str, Any]:
        """Return what the numbers are, JSON-ready; of several inputs by their names."""
        each = {name: samples.as_json() for name, samples in self.samples.items()}
        return next(iter(each.values())) if len(each) == 1 else each

    def count(self, network: Network) -> int:
        """Return how many samples there are."""
        sizes = ((x.size, prod(network.tensors[name].shape)) for name, x in self.x.items())
        return max(next((size // max(one, 1) for size, one in sizes), 1), 1)


def zero_inputs(network: Network) -> Inputs:
    """Return one sample of zeros."""
    require_weights(network)
    return Inputs({name: zeros(network.tensors[name]) for name in network.inputs})


def read_inputs(
    given: Sequence[tuple[str, Path]], network: Network, reading: Reading = BY_DEFAULT
) -> Inputs:
    """Return what the files give the inputs of `network`.

    Parameters
    ----------
    given
        Files with the name of the input that each is for. The name is empty where a file is for the
        only input, or is an .npz file that holds arrays under the inputs' names.

    Raises
    ------
    FormatError, ShapeError, RangeError, UnsupportedError
        As `read_samples`; or an input is unknown, given twice, or not given.
    """
    require_weights(network)
    if len(network.inputs) == 1 and len(given) == 1 and not given[0][0]:
        return Inputs({network.inputs[0]: read_samples(given[0][1], network, reading)})
    wanted = ", ".join(network.inputs)
    samples: dict[str, Samples] = {}
    for name, path in given:
        held = None if name else _arrays(path, network, wanted)
        for key in (name,) if held is None else _named(held, network):
            if key not in network.inputs:
                raise FormatError(f"{path}: {network.name} has no input {key!r}, it has {wanted}")
            if key in samples:
                raise FormatError(f"{path}: input {key} is given twice")
            place = path if held is None else path.with_name(f"{path.name}:{key}")
            samples[key] = read_samples(place, network, reading, key, held)
    missing = [name for name in network.inputs if name not in samples]
    if missing:
        raise ShapeError(
            f"{network.name}: expected its inputs {wanted}, nothing gives {', '.join(missing)}"
        )
    return Inputs({name: samples[name] for name in network.inputs})


def _arrays(path: Path, network: Network, wanted: str) -> dict[str, NDArray]:
    """Return the arrays of an .npz file by name."""
    if path.suffix.lower() != ".npz":
        raise FormatError(
            f"{path}: expected NAME=FILE, or an .npz file of arrays by name: {network.name} has "
            f"the inputs {wanted}"
        )
    return read_arrays(path)


def _named(arrays: Iterable[str], network: Network) -> list[str]:
    """Return the names of arrays but that of the labels, unless an input is called so."""
    return [key for key in arrays if key != LABEL_KEY or key in network.inputs]
