"""Arrays from .npy and .npz files, whose headers are checked before anything is allocated."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from npusim.errors import CapacityError, FormatError
from npusim.reading import readable, require_file

MAX_ARRAY_BYTES = 1 << 32
"""An array that takes more is not read: the samples of a file stay in the memory together."""
MAX_MEMBERS = 4096
"""Arrays of an archive."""


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Return the arrays in the file at `path` by name; that of an .npy file is called `x`.

    Raises
    ------
    FormatError
        The file is damaged, is no such file, or holds objects, which would be run.
    CapacityError
        An array would take more than MAX_ARRAY_BYTES, or does not fit the memory.
    """
    expected = "a numpy file"
    require_file(path, expected)
    with readable(path, expected):
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                return {"x": _array(file, path.stat().st_size, str(path))}
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise CapacityError(f"{path}: {len(members)} arrays, the limit is {MAX_MEMBERS}")
            found, taken = {}, 0
            for member in members:
                taken += member.file_size
                if taken > MAX_ARRAY_BYTES:
                    raise CapacityError(
                        f"{path}: its arrays would take {taken} bytes or more, "
                        f"the limit is {MAX_ARRAY_BYTES}"
                    )
                name = member.filename.removesuffix(".npy")
                with readable(f"{path}: {name}", "an array"), archive.open(member) as opened:
                    found[name] = _array(opened, member.file_size, f"{path}: {name}")
            return found


def _array(file: IO[bytes], size_bytes: int, where: str) -> NDArray:
    """Return the array of an .npy file of `size_bytes`."""
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read_header:
        raise FormatError(f"{where}: expected an .npy file of version 1 or 2, found {version}")
    shape, fortran_order, dtype = read_header[version](file)
    if dtype.hasobject:
        raise FormatError(f"{where}: expected numbers, found Python objects")
    if any(n < 0 for n in shape):
        raise FormatError(f"{where}: impossible shape {list(shape)}")
    wanted, held = prod(shape) * dtype.itemsize, size_bytes - file.tell()
    if wanted > MAX_ARRAY_BYTES:
        raise CapacityError(
            f"{where}: {dtype} {list(shape)} takes {wanted} bytes, the limit is {MAX_ARRAY_BYTES}"
        )
    if wanted > held:
        raise FormatError(f"{where}: {dtype} {list(shape)} takes {wanted} bytes, it has {held}")
    data = bytearray(file.read(wanted))
    if len(data) != wanted:
        raise FormatError(
            f"{where}: {dtype} {list(shape)} takes {wanted} bytes, it has {len(data)}"
        )
    values = np.frombuffer(data, dtype)
    return values.reshape(shape[::-1]).T if fortran_order else values.reshape(shape)
