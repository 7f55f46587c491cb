"""Instructions in program order; registers and tokens are added where they are needed.

A lowering only says what each instruction reads and writes. Order between engines follows from it:
two instructions of different engines that touch one bank, or overlapping DRAM bytes of which one is
written, run in program order. The token for it is taken only where the taker does not know yet,
directly or through another engine, that the giver has retired. Each dependence points back in the
program and each pair of engines gives and takes in one order, so that no program can deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from types import MappingProxyType

from npusim.compiler.emit.load_order import Operation, loads_ahead
from npusim.isa.encoding import FIELDS, Instruction, encode_register, find_register
from npusim.isa.instructions import FORMATS, PAGES, last_register
from npusim.isa.scratchpads import ALL_BANKS, BANK_BASE, SCRATCHPADS, bank_words, banks_of
from npusim.isa.spec import FACING, QUEUED_ENGINES, SIDES, TARGETS
from npusim.machines import Machine

_BLANK = {name: dict.fromkeys((f.name for f in fields), 0) for name, fields in FIELDS.items()}
_ENGINE = {name: place for place, name in enumerate(QUEUED_ENGINES)}
_ENGINE_OF = {
    name: _ENGINE[form.engines[0]]
    for name, form in FORMATS.items()
    if form.engines[0] in QUEUED_ENGINES
}
_LOADS, _STORES = _ENGINE["LD"], _ENGINE["ST"]
_SIDES = tuple((step, f"wait_{side}", f"signal_{FACING[side]}") for side, step in SIDES.items())
_NEVER = -1
_NOTHING = (_NEVER,) * len(QUEUED_ENGINES)
LAYERS_AHEAD = 3
"""Layers whose loads may stand among the instructions of one before them."""


@lru_cache(1 << 14)
def _register(engine: str, name: str, fields: tuple[tuple[str, int], ...]) -> tuple[int, int]:
    return find_register(engine, name).index, encode_register(engine, name, **dict(fields))


@cache
def _set_bits(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def level(count: int, stride: int) -> dict[str, int]:
    """Return the fields of a loop level's register; a stride that is never taken is 0."""
    return {"count": count, "stride": stride if count > 1 else 0}


class Emitter:
    """Collects the instructions of one run after another; `finish` ends a run with HALT.

    What is emitted waits until LAYERS_AHEAD more layers have ended: loads move up then, past what
    they need not wait for (ahead.py), because FETCH hands out instructions in program order and an
    engine's queue is short.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.act_first, self.act_banks = 0, machine.scratchpads.act_banks
        """The banks of ACT that a layer's buffers may take; the others hold kept tensors."""
        self.ends_run = False
        """Whether the layer is a run's last, behind which nothing is loaded."""
        self._names: list[str] = []
        self._engines: list[int] = []
        self._layers: list[int] = []
        """The layer that each instruction is of."""
        self._layer = 0
        self._values: list[dict[str, int]] = []
        self._known: list[tuple[int, ...]] = []
        """For each instruction: the latest of each engine that has retired when it has."""
        self._shift = {pad: bank_words(machine, pad).bit_length() - 1 for pad in SCRATCHPADS}
        self._last = {name: last_register(name, machine.parameters) for name in QUEUED_ENGINES}
        self._reset()

    def _reset(self) -> None:
        self._clock = [[*_NOTHING] for _ in QUEUED_ENGINES]
        self._users = [[*_NOTHING] for _ in range(ALL_BANKS)]
        self._registers: dict[str, dict[int, int]] = {engine: {} for engine in QUEUED_ENGINES}
        self._wanted: dict[str, dict[int, int]] = {engine: {} for engine in QUEUED_ENGINES}
        self._asked: dict[str, dict[str, tuple[int, dict[str, int] | None, int]]] = {
            engine: {} for engine in QUEUED_ENGINES
        }
        self._waiting: list[Operation] = []
        self._touched = [_NEVER] * ALL_BANKS
        """For each bank the last operation on it, waiting ones too."""
        self._operations = 0
        self._before_results: list[Callable[[], None]] = []
        self._reads: list[tuple[int, int, int, int]] = []
        self._writes: list[tuple[int, int, int, int]] = []

    def __len__(self) -> int:
        return len(self._names)

    def configure(self, engine: str, **registers: dict[str, int]) -> None:
        """Give registers of `engine` new fields for its next instruction."""
        asked, wanted = self._asked[engine], self._wanted[engine]
        for name, fields in registers.items():
            index, before, word = asked.get(name, (0, None, 0))
            if before != fields:  # most are asked for again and again
                index, word = _register(engine, name, tuple(fields.items()))
                asked[name] = (index, fields, word)
            wanted[index] = word

    def _configure(self, engine: str, wanted: dict[int, int], layer: int) -> None:
        """Write registers, with as few CFG as hold the ones that change."""
        held = self._registers[engine]
        changed = [i for i, word in wanted.items() if held.get(i, 0) != word]
        changed.sort()
        while changed:
            first = min(changed[0], self._last[engine] - 2)
            words = [wanted.get(i, held.get(i, 0)) for i in range(first, first + 3)]
            held.update(zip(range(first, first + 3), words, strict=True))
            fields = {"index": first} | {f"value{slot}": word for slot, word in enumerate(words)}
            self._append("CFG", _ENGINE[engine], fields, _NOTHING, layer)
            changed = [i for i in changed if i >= first + 3]

    def banks(self, scratchpad: str, first: int, end: int) -> int:
        """Return the mask of the banks of words first .. end-1."""
        shift = self._shift[scratchpad]
        return (2 << ((end - 1) >> shift)) - (1 << (first >> shift))

    def take_banks(self, scratchpad: str, counts: Sequence[int]) -> list[int]:
        """Return the first words of as many pieces of neighbouring banks.

        Of the banks that are free, those used the longest ago: what a layer loads there need not
        wait for the layer before.
        """
        used, words = self._last_uses(scratchpad), bank_words(self.machine, scratchpad)
        origin = 0
        if scratchpad == "ACT":
            origin = self.act_first
            used = used[origin : origin + self.act_banks]
        banks = len(used)
        starts, free = [], [True] * banks
        for count in counts:
            fits = [b for b in range(banks - count + 1) if all(free[b : b + count])]
            if not fits:  # free banks lie apart: one piece after the other
                return [(origin + sum(counts[:index])) * words for index in range(len(counts))]
            first = min(fits, key=lambda bank: max(used[bank : bank + count], default=_NEVER))
            free[first : first + count] = [False] * count
            starts.append((origin + first) * words)
        return starts

    def accumulators(self, words: int) -> int:
        """Return the first of `words` words of ACC, in the banks that were used the longest ago."""
        return self.take_banks("ACC", [-(-words // bank_words(self.machine, "ACC"))])[0]

    def oldest_first(self, scratchpad: str, slots: int, words: int) -> list[int]:
        """Return the addresses of slots of `words` words, that used the longest ago first."""
        used = self._last_uses(scratchpad)
        each = max(words // bank_words(self.machine, scratchpad), 1)
        order = sorted(range(slots), key=lambda slot: max(used[slot * each : (slot + 1) * each]))
        return [slot * words for slot in order]

    def _last_uses(self, scratchpad: str) -> list[int]:
        """Return the last operation that used each bank."""
        base = BANK_BASE[scratchpad]
        return self._touched[base : base + banks_of(self.machine, scratchpad)]

    def load(self, dram: tuple[int, int, int], target: str, words: int, **fields: int) -> None:
        """Emit a LD that writes up to `words` words from fields["address"] on.

        `dram`: region, first and end beat of all that it reads.
        """
        banks = self.banks(target, fields["address"], fields["address"] + words)
        values = {**fields, "target": TARGETS.index(target), "banks": banks, "region": dram[0]}
        self._wait("LD", values, dram)

    def store(self, dram: tuple[int, int, int], words: int, **fields: int) -> None:
        """Emit a ST of up to `words` words from fields["address"] on; `dram` as for `load`."""
        banks = self.banks("ACT", fields["address"], fields["address"] + words)
        self._wait("ST", {**fields, "banks": banks, "region": dram[0]}, dram)

    def before_results(self, emit: Callable[[], None]) -> None:
        """Call `emit` before the next RQ or VEC: what it loads is not needed by the array."""
        self._before_results.append(emit)

    def execute(self, name: str, **fields: int) -> None:
        """Emit a MAC, RQ or VEC; its bank masks are among `fields`."""
        if name != "MAC":
            while self._before_results:
                self._before_results.pop(0)()
        self._wait(name, fields, None)

    def _wait(self, name: str, fields: dict[str, int], dram: tuple[int, int, int] | None) -> None:
        engine = QUEUED_ENGINES[_ENGINE_OF[name]]
        banks = int(PAGES[name].banks(_BLANK[name] | fields))
        registers = self._wanted[engine]
        self._waiting.append(Operation(name, fields, registers, banks, dram, self._layer))
        self._wanted[engine] = {}
        for bank in _set_bits(banks):
            self._touched[bank] = self._operations
        self._operations += 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing was emitted since the last run ended."""
        return not self._waiting and self._names[-1:] in ([], ["HALT"])

    def end_layer(self) -> None:
        """Emit what waits of the layer LAYERS_AHEAD before this one, and loads of later ones."""
        self._flush(self._layer - LAYERS_AHEAD)
        self._layer += 1

    def layers(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """Return first instruction and count of each layer, and those that stand before the first.

        The spans lie one behind the other: each begins where the layer before ends.
        """
        own: dict[int, list[int]] = {}
        for pc, layer in enumerate(self._layers):
            own.setdefault(layer, []).append(pc)
        found, first = [], 0
        for layer in range(self._layer):
            end = own[layer][-1] + 1
            early = tuple(pc for pc in own[layer] if pc < first)
            found.append((first, end - first, early))
            first = end
        return found

    def _flush(self, last: int) -> None:
        """Emit what waits up to layer `last`."""
        left = sum(operation.layer <= last for operation in self._waiting)
        emitted = set()
        for place in loads_ahead(self._waiting):
            if not left:
                break
            emitted.add(place)
            operation = self._waiting[place]
            left -= operation.layer <= last
            engine = _ENGINE_OF[operation.name]
            self._configure(QUEUED_ENGINES[engine], operation.registers, operation.layer)
            after = self._bank_users(operation.banks)
            dram = operation.dram
            if operation.name == "LD" and dram is not None:
                written = self._latest(self._writes, dram, _LOADS, _STORES)
                after[_STORES] = max(after[_STORES], written)
            elif operation.name == "ST" and dram is not None:
                read = self._latest(self._reads, dram, _STORES, _LOADS)
                after[_LOADS] = max(after[_LOADS], read)
            pc = self._append(
                operation.name, engine, operation.fields, after, operation.layer, operation.banks
            )
            if dram is not None:
                (self._reads if operation.name == "LD" else self._writes).append((*dram, pc))
        self._waiting = [
            operation for place, operation in enumerate(self._waiting) if place not in emitted
        ]

    def finish(self) -> None:
        """End the run: HALT waits for everything, and the next run starts with fresh registers."""
        self._flush(self._layer)
        self._layers.append(self._layer - 1)
        self._names.append("HALT")
        self._engines.append(_NEVER)
        self._values.append(dict(_BLANK["HALT"]))
        self._known.append(_NOTHING)
        self._reset()

    def instructions(self) -> tuple[Instruction, ...]:
        """Return everything emitted."""
        return tuple(
            Instruction(name, QUEUED_ENGINES[e] if e >= 0 else "FETCH", MappingProxyType(values))
            for name, e, values in zip(self._names, self._engines, self._values, strict=True)
        )

    def _bank_users(self, mask: int) -> list[int]:
        after = [*_NOTHING]
        for bank in _set_bits(mask):
            for engine, user in enumerate(self._users[bank]):
                if user > after[engine]:
                    after[engine] = user
        return after

    def _latest(
        self,
        accesses: list[tuple[int, int, int, int]],
        dram: tuple[int, int, int],
        taker: int,
        giver: int,
    ) -> int:
        """Return the last of `accesses` that overlaps `dram` and may not have retired yet."""
        retired = self._clock[taker][giver]
        accesses[:] = [access for access in accesses if access[3] > retired]
        region, low, high = dram
        for other, first, end, pc in reversed(accesses):
            if other == region and first < high and low < end:
                return pc
        return _NEVER

    def _append(
        self,
        name: str,
        engine: int,
        fields: dict[str, int],
        after: list[int] | tuple[int, ...],
        layer: int,
        bank_mask: int = 0,
    ) -> int:
        pc = len(self._names)
        values = _BLANK[name] | fields
        clock = self._clock[engine]
        sides = ((after[(engine + side[0]) % len(after)], side) for side in _SIDES)
        for needed, (step, wait, signal) in sorted(sides, reverse=True):  # who knows most first
            if needed > clock[(engine + step) % len(after)]:
                values[wait] = 1
                self._values[needed][signal] = 1
                clock[:] = map(max, clock, self._known[needed])
        clock[engine] = pc
        self._names.append(name)
        self._layers.append(layer)
        self._engines.append(engine)
        self._values.append(values)
        self._known.append(tuple(clock))
        for bank in _set_bits(bank_mask):
            self._users[bank][engine] = pc
        return pc
