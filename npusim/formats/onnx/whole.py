"""An .onnx file as one piece: weights that lie in files beside it are taken in."""

from __future__ import annotations

from pathlib import Path

import onnx

from npusim.errors import FormatError
from npusim.reading import file_bytes, readable


def whole_model(path: Path) -> bytes:
    """Return the bytes of the model at `path`, which `npusim.load` has read, with all its weights.

    Raises
    ------
    FormatError
        It is larger than a file in one piece can be.
    """
    expected = "an .onnx file"
    content = file_bytes(path, expected)
    with readable(path, expected):  # it may have changed since it was loaded
        model = onnx.load_model_from_string(content)
        if all(t.data_location != onnx.TensorProto.EXTERNAL for t in model.graph.initializer):
            return content
        whole = onnx.load(path)
    try:
        return whole.SerializeToString(deterministic=True)
    except ValueError as error:  # protobuf's limit of 2 GB
        raise FormatError(f"{path}: its weights do not fit one file: {error}") from None
