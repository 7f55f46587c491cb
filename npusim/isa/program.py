"""A compiled network: instructions, DRAM image, where each tensor lies; and its file.

    magic "NPUSIM" CR LF   u32 file version   u32 header bytes   header (JSON, UTF-8)
    instructions         image of region 0, 1, ...             sha256 of everything before

Little-endian. Nothing in the file is executed or unpickled, so it is safe to load from a stranger.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from npusim.errors import FormatError, NpuError
from npusim.isa.check import check
from npusim.isa.encoding import Instruction, decode_program, encode_program
from npusim.isa.spec import FETCH_BURST_BYTES, INSTRUCTION_BYTES, REGION_COUNT, VERSION
from npusim.machines import Machine
from npusim.reading import file_bytes, readable
from npusim.writing import whole_file

MAGIC = b"NPUSIM\r\n"
FILE_VERSION = 5
PAGE_BYTES = 4096
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Region:
    """A piece of DRAM that instructions address by its number; `image` fills its beginning."""

    name: str
    size_bytes: int
    image: bytes = b""


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: `shape`, axes taken in `order`, as height width channels.

    The samples of a batch lie one below the other.

    Channels and pixels lie as layout.py says, from `offset_bytes` of region number `region`. With a
    `fold` (the numbers of fold.py's Fold) each pixel holds several, and height, width and channels
    are those of what is stored.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    height: int
    width: int
    channels: int
    region: int
    offset_bytes: int
    fold: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layer:
    """Instructions first .. first + count - 1, which compute one operator (with those fused).

    `early`: instructions before them, among those of other layers, that load for this one.
    """

    name: str
    operator: str
    first: int
    count: int
    macs: int
    output: str
    early: tuple[int, ...] = ()


@dataclass(frozen=True)
class KeptValue:
    """A value that lives between samples: tensor `update` takes the place of tensor `value`."""

    value: str
    update: str


@dataclass(frozen=True)
class Step:
    """One part of the execution: a run of instructions that ends with HALT, or a host operator.

    `kind` is "run" (first, count), "host" (node: its name in the network; the host reads its
    inputs' places and writes its output's) or "state" (behind all others: the host copies the
    state's updates to where the next sample finds them). What the host does states its work: the
    operator, the values it reads or writes, whichever are more, its multiply-accumulates, and the
    bytes of both.
    """

    kind: str
    first: int = 0
    count: int = 0
    node: str = ""
    operator: str = ""
    elements: int = 0
    macs: int = 0
    moved_bytes: int = 0


@dataclass(frozen=True)
class Program:
    """A program for one machine.

    Raises
    ------
    FormatError
        A part points outside another: steps, layers, places.
    """

    name: str
    machine: Machine
    requant: str
    samples: int
    """Of the batch that one execution computes."""
    instructions: tuple[Instruction, ...]
    regions: tuple[Region, ...]
    places: tuple[Place, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    state: tuple[KeptValue, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.instructions)
        if self.samples < 1:
            raise FormatError(f"program: expected 1 or more samples, found {self.samples}")
        if not 1 <= len(self.regions) <= REGION_COUNT:
            raise FormatError(f"program: expected 1..8 regions, found {len(self.regions)}")
        for region in self.regions:
            if not len(region.image) <= region.size_bytes < 1 << 32:
                raise FormatError(f"region {region.name}: {len(region.image)} bytes do not fit")
        spans: tuple[Step | Layer, ...] = (*self.steps, *self.layers)
        for span in spans:
            if span.first < 0 or span.count < 0 or span.first + span.count > count:
                raise FormatError(f"program: {span} is outside {count} instructions")
        for step in self.steps:
            if step.kind not in ("run", "host", "state"):
                raise FormatError(
                    f"program: expected a step run, host or state, found {step.kind!r}"
                )
        for place in self.places:
            if not 0 <= place.region < len(self.regions) or place.offset_bytes < 0:
                raise FormatError(f"tensor {place.name}: no region {place.region}")
        known = {place.name for place in self.places}
        for name in (*self.inputs, *self.outputs, *(kept.value for kept in self.state)):
            if name not in known:
                raise FormatError(f"program: tensor {name} has no place in DRAM")

    def place(self, name: str) -> Place:
        """Return where tensor `name` lies; raise FormatError where it never reaches DRAM."""
        for place in self.places:
            if place.name == name:
                return place
        raise FormatError(f"tensor {name}: expected one with a place in DRAM")

    def runs(self) -> tuple[Step, ...]:
        """Return the steps that the machine runs, in order."""
        return tuple(step for step in self.steps if step.kind == "run")

    def layer_spans(self, run: Step) -> list[tuple[int, int, int]]:
        """Return (place in `layers`, first, end) of each layer of a run, counted in the run.

        Spans tile the run: what stands before its first layer and behind its last one is theirs.
        """
        end = run.first + run.count
        own = [i for i, layer in enumerate(self.layers) if run.first <= layer.first < end]
        cuts = [self.layers[i].first + self.layers[i].count - run.first for i in own[:-1]]
        return list(zip(own, [0, *cuts], [*cuts, run.count], strict=False))

    def code(self, step: Step) -> bytes:
        """Return the bytes that FETCH reads in `step`, zero-padded to whole bursts."""
        data = encode_program(self.instructions[step.first : step.first + step.count])
        return data + bytes(-len(data) % FETCH_BURST_BYTES)

    def region_addresses(self) -> tuple[int, ...]:
        """Return the byte address of each region: page after page from address 0."""
        addresses, free = [], 0
        for region in self.regions:
            addresses.append(free)
            free += -(-region.size_bytes // PAGE_BYTES) * PAGE_BYTES
        return tuple(addresses)

    def code_address(self) -> int:
        """Return the byte address of each step's code: the page after the last region."""
        last = self.regions[-1].size_bytes
        return self.region_addresses()[-1] + -(-last // PAGE_BYTES) * PAGE_BYTES

    def to_bytes(self) -> bytes:
        """Return the program's file; equal programs give equal bytes."""
        header = {
            "isa_version": VERSION,
            "name": self.name,
            "requant": self.requant,
            "samples": self.samples,
            "machine": self.machine.to_toml(),
            "instructions": len(self.instructions),
            "regions": [
                {"name": r.name, "size_bytes": r.size_bytes, "image_bytes": len(r.image)}
                for r in self.regions
            ],
            "inputs": self.inputs,
            "outputs": self.outputs,
            **{key: [asdict(item) for item in getattr(self, key)] for key in _TABLES},
        }
        text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        parts = [MAGIC, FILE_VERSION.to_bytes(4, "little"), len(text).to_bytes(4, "little"), text]
        parts += [encode_program(self.instructions), *(region.image for region in self.regions)]
        data = b"".join(parts)
        return data + hashlib.sha256(data).digest()

    @classmethod
    def from_bytes(cls, data: bytes, where: str = "program") -> Program:
        """Return the program of a file's bytes; `where` begins the error messages."""
        if data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + 8 + _DIGEST_BYTES:
            raise FormatError(f"{where}: expected a program file, found other bytes")
        version = int.from_bytes(data[8:12], "little")
        if version != FILE_VERSION:
            raise FormatError(f"{where}: expected file version {FILE_VERSION}, found {version}")
        body = data[:-_DIGEST_BYTES]
        if hashlib.sha256(body).digest() != data[-_DIGEST_BYTES:]:
            raise FormatError(f"{where}: damaged, the checksum does not match")
        end = 16 + int.from_bytes(data[12:16], "little")
        try:
            with readable("header", "a program's"):
                return _from_parts(json.loads(body[16:end]), body[end:])
        except NpuError as error:
            raise type(error)(f"{where}: {error}") from None

    def check(self) -> None:
        """Prove every run by the static checker; raise as npusim.isa.check does."""
        sizes = [region.size_bytes for region in self.regions]
        for step in self.runs():
            check(self.instructions[step.first : step.first + step.count], self.machine, sizes)

    def save(self, path: str | Path) -> None:
        """Write the program's file; raise FormatError where it cannot be written."""
        with whole_file(Path(path)) as file:
            file.write(self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Program:
        """Return the program of a file; raise FormatError where it is none."""
        return cls.from_bytes(file_bytes(Path(path), "a program file"), str(path))


_TABLES = {"places": Place, "steps": Step, "layers": Layer, "state": KeptValue}


def _from_parts(header: dict[str, Any], blob: bytes) -> Program:
    if header["isa_version"] != VERSION:
        raise FormatError(f"expected instruction set {VERSION}, found {header['isa_version']}")
    sizes = [header["instructions"] * INSTRUCTION_BYTES]
    sizes += [region["image_bytes"] for region in header["regions"]]
    if min(sizes) < 0 or sum(sizes) != len(blob):
        raise FormatError(f"expected {sum(sizes)} bytes of code and images, found {len(blob)}")
    parts, start = [], 0
    for size in sizes:
        parts.append(blob[start : start + size])
        start += size
    return Program(
        name=_typed("name", str, header["name"]),
        machine=Machine.from_toml(header["machine"]),
        requant=_typed("requant", str, header["requant"]),
        samples=_typed("samples", int, header["samples"]),
        instructions=tuple(decode_program(parts[0])),
        regions=tuple(
            Region(
                _typed("name", str, region["name"]),
                _typed("size_bytes", int, region["size_bytes"]),
                image,
            )
            for region, image in zip(header["regions"], parts[1:], strict=True)
        ),
        inputs=_typed("inputs", tuple[str, ...], header["inputs"]),
        outputs=_typed("outputs", tuple[str, ...], header["outputs"]),
        **{key: tuple(_row(kind, row) for row in header[key]) for key, kind in _TABLES.items()},
    )


def _row(kind: type, row: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    if row.keys() != names:
        raise FormatError(f"{kind.__name__}: expected keys {sorted(names)}, found {sorted(row)}")
    return kind(**{name: _typed(name, hints[name], row[name]) for name in names})


def _typed(name: str, hint: type | UnionType, value: Any) -> Any:
    """Return `value` as the type that a field declares: str, int, or a tuple of one of them."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise FormatError(f"{name}: expected a list, found {value!r}")
        return tuple(_typed(name, get_args(hint)[0], item) for item in value)
    if type(value) is not hint:
        raise FormatError(f"{name}: expected {hint}, found {value!r}")
    return value
