"""Finished layers of a quantization in a folder, so that an interrupted one goes on where it was.

One .npz file a layer, written whole as soon as it is found. `key` says what they are of: a hash of
the network, the samples, the settings and npusim's version; layers of anything else are refused. A
file that cannot be read is a layer that is not there, and found again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.errors import FormatError, NpuError
from npusim.formats.arrays import read_arrays
from npusim.graph.network import Network
from npusim.graph.weights import EncodedWeights
from npusim.quant.coded import CodedWeights
from npusim.quant.float_network import Samples
from npusim.quant.layer import LayerRecord, QuantizedLayer
from npusim.reading import file_text
from npusim.writing import whole_file

KEY = "key"
PARTS: dict[str, type] = {
    "encoding": EncodedWeights, "coded": CodedWeights, "record": LayerRecord,
}  # fmt: skip


@dataclass(frozen=True)
class KeptLayers:
    """The layers in `folder`, all of one quantization."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, network: Network, samples: Samples, settings: str) -> KeptLayers:
        """Return those of a quantization: of the folded `network` by `settings`, a recipe.

        Raises
        ------
        FormatError
            The folder holds layers of another one, or cannot be written.
        """
        key, file = _hash(network, samples, settings), folder / KEY
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FormatError(f"{folder}: cannot keep layers there: {error}") from None
        found = file_text(file, "the key of kept layers") if file.exists() else None
        if found not in (None, key):
            raise FormatError(
                f"{folder}: expected layers of this network, samples and settings, found those of "
                f"others: name another folder, or remove it"
            )
        with whole_file(file) as written:
            written.write(key.encode())
        return cls(folder)

    def get(self, number: int, name: str) -> QuantizedLayer | None:
        """Return the layer that is the `number`-th, None where it is not finished."""
        try:
            held = read_arrays(self._file(number))
            parts = {part: _made(kind, part, held) for part, kind in PARTS.items()}
            layer = QuantizedLayer(bias=held["bias"], **parts)
        except (ValueError, KeyError, TypeError, NpuError):
            return None
        return layer if layer.record.name == name else None

    def put(self, number: int, layer: QuantizedLayer) -> None:
        """Write a finished layer."""
        held = {"bias": layer.bias}
        for part, kind in PARTS.items():
            value = getattr(layer, part)
            held |= {f"{part}.{f.name}": np.asarray(getattr(value, f.name)) for f in fields(kind)}
        with whole_file(self._file(number)) as file:
            np.savez(file, **held)  # type: ignore[arg-type]

    def remove(self) -> None:
        """Remove the layers and, where nothing else is in it, the folder."""
        for path in (*self.folder.glob("layer*.npz"), self.folder / KEY):
            path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _file(self, number: int) -> Path:
        return self.folder / f"layer{number}.npz"


def _made(kind: type, part: str, held: Mapping[str, NDArray]) -> Any:
    """Return a record of fields that are arrays, numbers, text, or tuples of numbers."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = held[f"{part}.{field.name}"]
        plain = value.item() if not value.ndim else value
        values[field.name] = tuple(plain.tolist()) if str(field.type).startswith("tuple") else plain
    return kind(**values)


def _hash(network: Network, samples: Samples, settings: str) -> str:
    found = hashlib.sha256(f"{npusim.__version__}\n{settings}".encode())
    for node in network.nodes:
        found.update(repr((node.name, node.operator, node.inputs, node.outputs)).encode())
    held = {name: x.data for name, x in network.tensors.items() if x.data is not None}
    for name, data in (*held.items(), *samples.items()):
        found.update(repr((name, data.dtype, data.shape)).encode())
        found.update(np.ascontiguousarray(data).tobytes())
    return found.hexdigest()
