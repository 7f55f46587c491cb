"""A machine: every size that the compiler, the simulator and the RTL must agree about.

Read from TOML that names every key; unknown or missing keys are errors. Only [energy], of which the
compiler and the RTL know nothing, may be left out. Sizes derived from these are properties here and
localparams in the RTL, and stand nowhere else.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, RangeError
from npusim.words import ARRAY_FORMATS, MEMORY_MODELS, TECHNOLOGIES

HERE = Path(__file__).resolve().parent


def _require(key: str, ok: bool, expected: str, found: object) -> None:
    if not ok:
        raise RangeError(f"machine: {key}: expected {expected}, found {found!r}")


def _integer(key: str, value: object, low: int, high: int, power: bool = False) -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    good = good and not (power and value & (value - 1))  # type: ignore[operator]
    what = f"a power of two in {low}..{high}" if power else f"an integer in {low}..{high}"
    _require(key, good, what, value)


@dataclass(frozen=True)
class Array:
    """The MAC array: `size` rows and columns (and lanes), with the weight formats built in."""

    size: int
    formats: tuple[str, ...]
    pwlq_bits: int = 0
    """Greatest b that the pwlq elements run; 0 where pwlq is not built in."""

    def __post_init__(self) -> None:
        _integer("array.size", self.size, 4, 64, power=True)
        for name in self.formats:
            _require("array.formats", name in ARRAY_FORMATS, f"names of {ARRAY_FORMATS}", name)
        ordered = tuple(name for name in ARRAY_FORMATS if name in self.formats)
        _require(
            "array.formats", bool(ordered) and ordered == self.formats,
            f"one or more of {ARRAY_FORMATS}, in this order, each once", self.formats,
        )  # fmt: skip
        low, high = (2, 7) if "pwlq" in self.formats else (0, 0)
        _integer("array.pwlq_bits", self.pwlq_bits, low, high)


@dataclass(frozen=True)
class Scratchpads:
    """Words of SIZE bytes (ACT, WGT), 4 SIZE bytes (PAR), 4 SIZE bytes and regions (ACC)."""

    act_banks: int
    act_bank_words: int
    wgt_banks: int
    wgt_bank_words: int
    par_banks: int
    par_bank_words: int
    acc_words: int

    def __post_init__(self) -> None:
        _integer("scratchpads.act_banks", self.act_banks, 2, 8, power=True)
        _integer("scratchpads.wgt_banks", self.wgt_banks, 2, 4, power=True)
        _integer("scratchpads.par_banks", self.par_banks, 2, 4, power=True)
        for name, most in (("act", 8192), ("wgt", 16384), ("par", 16384)):
            words = getattr(self, f"{name}_bank_words")
            _integer(f"scratchpads.{name}_bank_words", words, 8, most, power=True)
        _integer("scratchpads.acc_words", self.acc_words, 8, 65536, power=True)


@dataclass(frozen=True)
class Bus:
    """The AXI4 data ports: bytes of a beat, beats of the longest burst."""

    bus_bytes: int
    burst_beats: int

    def __post_init__(self) -> None:
        _integer("bus.bus_bytes", self.bus_bytes, 4, 16, power=True)
        _integer("bus.burst_beats", self.burst_beats, 1, 256, power=True)


@dataclass(frozen=True)
class Memory:
    """The deterministic DRAM: docs/architecture.md, section 5."""

    model: str
    latency_cycles: int
    outstanding: int
    seed: int
    size_bytes: int

    def __post_init__(self) -> None:
        _require("memory.model", self.model in MEMORY_MODELS, f"one of {MEMORY_MODELS}", self.model)
        _integer("memory.latency_cycles", self.latency_cycles, 1, 65535)
        _integer("memory.outstanding", self.outstanding, 1, 64)
        _integer("memory.seed", self.seed, 1, 65535)
        _integer("memory.size_bytes", self.size_bytes, 1 << 12, 1 << 31, power=True)


@dataclass(frozen=True)
class Clock:
    """What turns cycles into seconds."""

    frequency_hz: int

    def __post_init__(self) -> None:
        _integer("clock.frequency_hz", self.frequency_hz, 1, 10**11)


@dataclass(frozen=True)
class Energy:
    """What turns events into energy: docs/energy.md.

    Attributes
    ----------
    technology
        The table of cells and memories that prices the machine's own events.
    dram_pj_per_bit
        Energy of a bit that is moved to or from DRAM, interface included. The default is
        Horowitz, "Computing's energy problem", ISSCC 2014: 1.3 nJ for 64 bits (to 2.6 nJ).
    clock_gating
        Whether the clock of a module that does nothing stands still. The RTL has no clock gates;
        a synthesis flow that inserts them comes close to `true`.
    """

    technology: str = "nangate45"
    dram_pj_per_bit: float = 20.0
    clock_gating: bool = False

    def __post_init__(self) -> None:
        _require(
            "energy.technology", self.technology in TECHNOLOGIES, f"one of {TECHNOLOGIES}",
            self.technology,
        )  # fmt: skip
        value = self.dram_pj_per_bit
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(
            "energy.dram_pj_per_bit", is_number and 0 <= value <= 1e6, "a number in 0..1e6", value
        )
        _require(
            "energy.clock_gating", isinstance(self.clock_gating, bool), "true or false",
            self.clock_gating,
        )  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """One NPU with its memory and clock.

    Raises
    ------
    RangeError
        A value is not legal; the message names the key, the expectation and the value.
    """

    name: str
    array: Array
    scratchpads: Scratchpads
    bus: Bus
    memory: Memory
    clock: Clock
    energy: Energy = field(default_factory=Energy)

    def __post_init__(self) -> None:
        legal = isinstance(self.name, str) and re.fullmatch(r"[A-Za-z0-9._-]+", self.name)
        _require("name", bool(legal), "letters, digits, '.', '_', '-'", self.name)
        bus, size = self.bus.bus_bytes, self.array.size
        _require("bus.bus_bytes", bus <= size, f"at most array.size = {size}", bus)

    @property
    def size(self) -> int:
        """Rows and columns of the array, lanes of the vector unit, bytes of an ACT word."""
        return self.array.size

    @property
    def word_beats(self) -> int:
        """Beats of an ACT or WGT word."""
        return self.array.size // self.bus.bus_bytes

    @property
    def uniform_bits(self) -> int:
        """Width of the multipliers' uniform weights; 0 where no uniform format is built in."""
        formats = self.array.formats
        return 8 if "uniform8" in formats else 4 if "uniform4" in formats else 0

    @property
    def has_subset(self) -> bool:
        """Whether the subset format is built in."""
        return "subset" in self.array.formats

    @property
    def acc_regions(self) -> int:
        """int32 accumulators per lane and ACC word."""
        return 3 if self.array.pwlq_bits else 1

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

    @classmethod
    def of(cls, machine: Machine | str | Path) -> Machine:
        """Return `machine` itself, or what `load` finds under that name."""
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
            if not path.is_file():
                known = ", ".join(sorted(p.stem for p in HERE.glob("*.toml")))
                raise FormatError(f"machine: expected one of {known}, or FILE.toml, found {name}")
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise FormatError(f"{path}: cannot read it: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise FormatError(f"{path}: expected a TOML file, found {error}") from None
        try:
            return cls.from_toml(text, str(path))
        except RangeError as error:  # a value's check knows its key, not its file
            raise RangeError(f"{path}: {error}") from None

    @classmethod
    def from_toml(cls, text: str, where: str = "machine") -> Machine:
        """Return the machine that `text` describes; `where` begins the error messages."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise FormatError(f"{where}: expected TOML, found {error}") from None
        tables: dict[str, Any] = {
            "array": Array,
            "scratchpads": Scratchpads,
            "bus": Bus,
            "memory": Memory,
            "clock": Clock,
            "energy": Energy,
        }
        known_tables = {"name", *tables}
        _check_keys(where, document, known_tables, known_tables - {"energy"})
        parts: dict[str, Any] = {"name": document["name"]}
        for key, kind in tables.items():
            if key not in document:
                continue
            table = document[key]
            if not isinstance(table, dict):
                raise FormatError(f"{where}: {key}: expected a table, found {table!r}")
            known = {f.name for f in fields(kind)}
            _check_keys(f"{where}: [{key}]", table, known, known - {"pwlq_bits"})
            if key == "array":
                if not isinstance(table["formats"], list):
                    raise FormatError(f"{where}: array.formats: expected a list of names")
                table = {**table, "formats": tuple(table["formats"])}
            parts[key] = kind(**table)
        return cls(**parts)

    def to_toml(self) -> str:
        """Return the TOML text that `from_toml` reads back to an equal machine."""
        lines = [f'name = "{self.name}"']
        for part in fields(self)[1:]:
            lines += ["", f"[{part.name}]"]
            table = getattr(self, part.name)
            for key in fields(table):
                lines.append(f"{key.name} = {_toml(getattr(table, key.name))}")
        return "\n".join(lines) + "\n"


def _check_keys(where: str, table: dict[str, Any], known: set[str], needed: set[str]) -> None:
    for key in sorted(table.keys() - known):
        raise FormatError(f"{where}: unknown key {key}; known are {', '.join(sorted(known))}")
    for key in sorted(needed - table.keys()):
        raise FormatError(f"{where}: key {key} is missing")


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{name}"' for name in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
