"""A machine: every size that the compiler, the simulator and the RTL must agree about.

The annotations below are the one table of them: the key of the TOML, its range and its meaning; for
a size that the RTL is built with its Verilog parameter, and the field of the control registers that
reads it back. Derived from it are the check of a file and its JSON schema, the parameter lists of
the Verilog, the identification registers and the header for drivers (`python -m npusim.generate`).

A TOML names every key; unknown or missing keys are errors. Only [energy] and [host], of which the
compiler and the RTL know nothing, may be left out, and [dram], which is then a part of parts.py. A
file with `base` names another machine and
states only what differs. Sizes derived from these are properties here and localparams in the RTL,
and stand nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec

from npusim.arguments import require_type
from npusim.codes import ARRAY_FORMATS, AT_LEAST, CODES, PWLQ, WeightCode
from npusim.errors import FormatError, suggested
from npusim.machines.dram import Dram
from npusim.machines.formats import require_formats
from npusim.machines.memories import Bus, Memory, Scratchpads
from npusim.machines.parts import DEFAULT
from npusim.machines.prices import NANGATE, SIMPLE_CORE, Clock, Energy, Host
from npusim.machines.quantities import KNOWN, overlaid, with_quantities
from npusim.parameter import Parameter
from npusim.reading import is_there
from npusim.toml_tables import (
    IllegalValue,
    Table,
    count,
    keys_of,
    metadata,
    parsed,
    powers,
    read,
    schema_of,
    text_of,
)
from npusim.words import MACHINES

HERE = Path(__file__).resolve().parent
CLOCK_RATIO_MOST = 64
"""Between the clocks of the machine and of a DRAM of banks and rows."""


FP32_REQUANTIZER = Parameter(
    "FP32_REQUANTIZER", "params0", "fp32_requantizer", 21, 1,
    "the float32 requantizer is built into each lane, beside the integer one",
)  # fmt: skip

LINE_WORDS = Parameter(
    "LINE_WORDS", "params1", "line_words", 20, 10,
    "pixels of a row that the array keeps for the next two rows of a depthwise window; 0: none",
)  # fmt: skip

LANES_PER_REQUANTIZER = Parameter(
    "LANES_PER_REQUANTIZER", "params3", "lanes_per_requantizer", 8, 4,
    "lanes that share a requantizer and an adder, and take turns in RQ, VEC add and multiply",
)  # fmt: skip

LANES_PER_LOOKUP = Parameter(
    "LANES_PER_LOOKUP", "params3", "lanes_per_lookup", 12, 4,
    "lanes that share a reader of the table, and take turns in VEC lookup",
)  # fmt: skip


ROWS = Parameter("ROWS", "params3", "rows", 0, 8, "rows of the array")


class Array(Table, frozen=True):
    """The MAC array: `size` columns, which are lanes; rows; the weight formats built in."""

    prefix: ClassVar[str] = "array."
    size: Annotated[int, powers(4, 64, "columns of the array, lanes", "SIZE", "params0.size", 0, 8)]
    formats: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="weight formats built into the array",
            extra_json_schema={
                "items": {"enum": list(ARRAY_FORMATS)}, "uniqueItems": True, "minItems": 1,
            },
        ),
    ]  # fmt: skip
    pwlq_bits: Annotated[int, count(0, 7, PWLQ.parameter.meaning, PWLQ.parameter)] = 0
    fp32_requantizer: Annotated[int, count(0, 1, FP32_REQUANTIZER.meaning, FP32_REQUANTIZER)] = 0
    line_words: Annotated[int, count(0, 512, LINE_WORDS.meaning, LINE_WORDS)] = 0
    lanes_per_requantizer: Annotated[
        int, count(1, 8, LANES_PER_REQUANTIZER.meaning, LANES_PER_REQUANTIZER)
    ] = 1
    lanes_per_lookup: Annotated[int, count(1, 8, LANES_PER_LOOKUP.meaning, LANES_PER_LOOKUP)] = 1
    rows: Annotated[int, count(0, 64, "rows of the array; 0: as many as columns", ROWS)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_formats(self.formats)
        low, high = (2, 7) if "pwlq" in self.formats else (0, 0)
        if not low <= self.pwlq_bits <= high:
            raise IllegalValue(
                f"array.pwlq_bits: expected an integer in {low}..{high}, found {self.pwlq_bits}"
            )
        for key in ("lanes_per_requantizer", "lanes_per_lookup"):
            lanes = getattr(self, key)
            if lanes & (lanes - 1) or lanes > self.size:
                most = f"a power of two of at most 8 and array.size = {self.size}"
                raise IllegalValue(f"array.{key}: expected {most}, found {lanes}")
        words = self.rows // self.size
        is_multiple = self.rows == words * self.size and words & (words - 1) == 0
        if self.rows and not (2 <= self.rows <= self.size or is_multiple):
            legal = f"0, an integer in 2..array.size = {self.size}, or 2, 4, 8.. times as many"
            raise IllegalValue(f"array.rows: expected {legal}, found {self.rows}")
        if self.line_words == 1 or self.line_words & (self.line_words - 1):
            raise IllegalValue(
                "array.line_words: expected 0 or a power of two of at least 2, "
                f"found {self.line_words}"
            )


class Machine(Table, frozen=True, dict=True):
    """One NPU with its memory and clock.

    Raises
    ------
    RangeError
        A value is not legal; the message names the key, the expectation and the value.
    """

    name: Annotated[
        str,
        msgspec.Meta(
            pattern="^[A-Za-z0-9._-]+$", extra={"expected": "letters, digits, '.', '_', '-'"}
        ),
    ]
    array: Array
    scratchpads: Scratchpads
    bus: Bus
    memory: Memory
    clock: Clock
    energy: Energy = NANGATE
    host: Host = SIMPLE_CORE
    dram: Dram = DEFAULT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scratchpads.act_bank_words < 2 * self.words:
            least, found = 2 * self.words, self.scratchpads.act_bank_words
            raise IllegalValue(
                f"scratchpads.act_bank_words: expected {least} or more, found {found}"
            )
        bus, size = self.bus.bus_bytes, self.array.size
        if bus > size:
            raise IllegalValue(f"bus.bus_bytes: expected at most array.size = {size}, found {bus}")
        clock, most = self.clock.frequency_hz, CLOCK_RATIO_MOST
        if (
            self.memory.model == "dram"
            and not clock <= most * self.dram.clock_hz <= most**2 * clock
        ):
            raise IllegalValue(
                f"dram.clock_hz: expected at most {most} times more or less than "
                f"clock.frequency_hz = {clock}, found {self.dram.clock_hz}"
            )

    @property
    def size(self) -> int:
        """Columns of the array, lanes of the vector unit, bytes of an ACT word."""
        return self.array.size

    @property
    def rows(self) -> int:
        """Rows of the array: channels of an ACT word that are multiplied at once."""
        return self.array.rows or self.array.size

    @property
    def multipliers(self) -> int:
        """Products of a cycle, at most."""
        return self.rows * self.size

    @property
    def rows_of_word(self) -> int:
        """Channels of one ACT word that are multiplied at once."""
        return min(self.rows, self.size)

    @property
    def words(self) -> int:
        """ACT words whose channels a weight tile multiplies at most."""
        return -(-self.rows // self.size)

    @property
    def slices(self) -> int:
        """Weight tiles that use up the channels of an ACT word."""
        return -(-self.size // self.rows)

    @property
    def word_beats(self) -> int:
        """Beats of an ACT or WGT word."""
        return self.array.size // self.bus.bus_bytes

    @cached_property
    def parameters(self) -> Mapping[str, int]:
        """The Verilog parameters of npu_top for this machine, as PARAMETERS lists them."""
        known = {code.parameter.verilog: code.built(self.array.formats) for code in CODES}
        for part, key, kind in KEYS:
            if row := _parameter(kind):
                known[row.verilog] = getattr(getattr(self, part), key)
        known[ROWS.verilog] = self.rows
        return {row.verilog: known[row.verilog] for row in PARAMETERS}

    def most_bits(self, code: WeightCode) -> int:
        """Return the greatest b that the array runs of `code`; 0 where it is not built in."""
        return code.most_bits(self.parameters)

    def runs(self, element: str) -> bool:
        """Return whether products of an element of ARRAY_FORMATS occur: on it or on a wider one."""
        return not {*AT_LEAST[element]}.isdisjoint(self.array.formats)

    @property
    def acc_regions(self) -> int:
        """int32 accumulators per lane and ACC word."""
        return max(code.regions for code in CODES if self.most_bits(code))

    @property
    def first_beat_cycles(self) -> int:
        """Cycles from a read burst's address to its first beat; of a DRAM, from a closed bank."""
        cycles = self.memory.latency_cycles
        if self.memory.model == "dram":
            dram = self.dram
            ticks = dram.tRCD_clocks + dram.tCL_clocks + dram.tBL_clocks
            cycles += -(-ticks * self.clock.frequency_hz // dram.clock_hz)
        return cycles

    @property
    def act_words(self) -> int:
        """Words of ACT."""
        return self.scratchpads.act_banks * self.scratchpads.act_bank_words

    @property
    def wgt_words(self) -> int:
        """Words of WGT."""
        return self.scratchpads.wgt_banks * self.scratchpads.wgt_bank_words

    @property
    def par_words(self) -> int:
        """Words of PAR."""
        return self.scratchpads.par_banks * self.scratchpads.par_bank_words

    def with_(self, values: Mapping[str, Any]) -> Machine:
        """Return this machine with other values: `{"array.size": 32, "memory.model": "lfsr"}`.

        A whole table may be given, `{"memory": memory}`. Where the formats change and
        `array.pwlq_bits` is not given, it is 0 without pwlq.

        Raises
        ------
        FormatError
            There is no such key.
        RangeError
            A value is not legal, or does not go with another.
        """
        document = msgspec.to_builtins(self)
        if "pwlq" not in values.get("array.formats", ("pwlq",)):
            document["array"]["pwlq_bits"] = 0
        given: dict[str, Any] = {}
        for key, value in values.items():
            part, _, name = key.rpartition(".")
            table = document.get(part) if part else document
            if key not in KNOWN and not (isinstance(table, dict) and name in table):
                known = ", ".join(f"{part}.{name}" for part, name, _ in KEYS)
                raise FormatError(
                    f"machine: unknown key {key}; known are name, {known}"
                    + suggested(key, (f"{part}.{name}" for part, name, _ in KEYS))
                )
            place = given.setdefault(part, {}) if part else given
            place[name] = msgspec.to_builtins(value)
        return read(overlaid(document, given, "machine"), Machine, "machine")

    @classmethod
    def of(cls, machine: Machine | str | Path) -> Machine:
        """Return `machine` itself, or what `load` finds under that name."""
        require_type("machine", machine, Machine, str, Path)
        return machine if isinstance(machine, Machine) else cls.load(machine)

    @classmethod
    def load(cls, name: str | Path) -> Machine:
        """Return the machine of a TOML file, or one that comes with npusim by its name.

        Raises
        ------
        FormatError
            The file is missing, is no TOML, or has unknown, missing or misplaced keys.
        RangeError
            A value is not legal.
        """
        path = Path(name)
        if path.suffix != ".toml":
            path = HERE / f"{name}.toml"
            if not is_there(path):
                known = ", ".join(sorted(MACHINES))
                raise FormatError(
                    f"machine: expected one of {known}, or FILE.toml, found {name}"
                    + suggested(str(name), MACHINES)
                )
        return cls.from_toml(text_of(path), str(path), path.parent)

    @classmethod
    def from_toml(cls, text: str, where: str = "machine", folder: Path | None = None) -> Machine:
        """Return the machine that `text` describes; `where` begins the error messages.

        `folder`: where a `base` that is a file is looked for.

        Raises
        ------
        FormatError, RangeError
            As `load`.
        """
        document, known = parsed(text, where), {}
        if "base" in document:
            base = document.pop("base")
            if not isinstance(base, str):
                raise FormatError(f"{where}: base: expected a machine, found {base!r}")
            path = (folder or Path()) / base if base.endswith(".toml") else base
            known = msgspec.to_builtins(cls.load(path))
        return read(overlaid(known, document, where), Machine, where)

    def to_toml(self) -> str:
        """Return the TOML text that `from_toml` reads back to an equal machine."""
        lines = [f"name = {json.dumps(self.name)}"]
        for part, table in msgspec.to_builtins(self).items():
            if part != "name" and (part != "dram" or self.dram != DEFAULT):
                lines += ["", f"[{part}]"]
                lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"


def _parameter(kind: Any) -> Parameter | None:
    extra = metadata(kind).extra or {}
    return extra.get("parameter")


KEYS: tuple[tuple[str, str, Any], ...] = tuple(
    (part, key, kind)
    for part, table in keys_of(Machine).items()
    if part != "name"
    for key, kind in keys_of(table).items()
)
"""Every key of a machine but its name: table, key, annotated type."""


def _parameters() -> tuple[Parameter, ...]:
    named = (found for _, _, kind in KEYS if (found := _parameter(kind)))
    rows = {row.verilog: row for row in (*named, *(code.parameter for code in CODES))}
    return tuple(sorted(rows.values(), key=lambda row: (row.register, row.low)))


def machine_schema() -> dict[str, Any]:
    """Return the JSON schema of a machine file: complete, or what differs from its `base`."""
    complete = schema_of(Machine)
    complete["$defs"]["Dram"]["required"] = []  # the part's values stand for them
    partial = deepcopy(complete)
    for tables, is_complete in ((complete["$defs"], True), (partial["$defs"], False)):
        for name, table in tables.items():
            with_quantities(table, name.lower(), is_complete)
    for table in (partial, *partial["$defs"].values()):
        table["required"] = ["name"] if table is partial else []
    base = {"type": "string", "description": "a machine, whose keys are kept where they are absent"}
    partial["properties"] = {"base": base, **partial["properties"]}
    definitions = {f"{name}Change": table for name, table in partial.pop("$defs").items()}
    changed = json.loads(re.sub(r"(#/\$defs/\w+)", r"\1Change", json.dumps(partial)))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "npusim machine",
        "if": {"required": ["base"]},
        "then": changed,
        "else": {key: value for key, value in complete.items() if key != "$defs"},
        "$defs": {**complete["$defs"], **definitions},
    }


PARAMETERS = _parameters()
"""What the RTL is built with, in the order of the registers that read it back."""
