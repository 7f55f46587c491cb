"""Which tensors stay in ACT: written there by one layer, read there by the next ones.

A kept tensor is neither stored nor loaded. It takes whole banks from its writer to its last reader,
and the layers in between cut their tiles for the banks that are left. Layers of weights write kept
tensors; they, additions behind them, and means read them. The tensors are tried in the order of the
DRAM bytes that they save for each bank and layer, and one is kept if the layers that it touches
move fewer bytes in all: a layer whose tiles get smaller may load its weights more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from npusim.compiler.context import InPlace, Lowering
from npusim.compiler.emit.memory import Border, Kept, Spot, Stored
from npusim.compiler.emit.transfers import fill_pieces
from npusim.errors import CapacityError
from npusim.isa.fields import STRIDE_MAX
from npusim.isa.instructions.ld import MOST_PADS
from npusim.machines import Machine

RESTS_WANTED = 3
"""Units that a bank rests between two kept tensors, where there is room."""

Banks = tuple[int, int]
"""First bank of ACT and number of banks for a layer's own buffers."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A tensor that may be kept, from unit `first` to unit `last`."""

    stored: Stored
    samples: int
    """Images, one below the other, each with its border."""
    border: Border
    first: int
    last: int
    banks: int
    saved_beats: int

    @property
    def spot(self) -> Spot:
        return self.stored.spot

    @property
    def row_stride(self) -> int:
        return self.border.left + self.stored.width + self.border.right

    @property
    def sample_stride(self) -> int:
        rows = self.stored.height // self.samples
        return self.row_stride * (self.border.top + rows + self.border.bottom)

    @property
    def block_stride(self) -> int:
        return self.sample_stride * self.samples

    def at(self, address: int) -> Kept:
        """Return where it lies if its first word is at `address`."""
        border = self.border
        return Kept(
            address, self.row_stride, self.block_stride, self.sample_stride, border.top,
            border.left, border.fill,
        )  # fmt: skip


class Residency:
    """The choice for a list of lowerings in order; None stands for work of the host."""

    def __init__(
        self, lowerings: Sequence[Lowering | None], machine: Machine, in_dram: set[Spot]
    ) -> None:
        self.machine = machine
        self.lowerings = [x if isinstance(x, InPlace) else None for x in lowerings]
        """None where tensors are in DRAM alone."""
        self._taken: list[list[bool]] = [[False] * machine.scratchpads.act_banks for _ in lowerings]
        self._costs: dict[int, tuple[int, int]] = {}
        self._kept: list[tuple[_Candidate, int]] = []
        """With the first bank of each."""
        candidates = [*self._candidates(in_dram)]
        candidates.sort(key=_worth, reverse=True)
        for candidate in candidates:
            self._try(candidate)

    def window(self, unit: int) -> Banks:
        """Return the longest run of banks that no kept tensor takes during a unit."""
        return _longest_run(self._taken[unit])

    def free_banks(self, units: range, inside: set[Spot]) -> int:
        """Return how many banks are free during all of some units, if `inside` were not kept."""
        taken = [False] * self.machine.scratchpads.act_banks
        for candidate, start in self._kept:
            meets = candidate.first < units.stop and units.start <= candidate.last
            if meets and candidate.spot not in inside:
                taken[start : start + candidate.banks] = [True] * candidate.banks
        return taken.count(False)

    def cost(self, units: range) -> tuple[int, int]:
        """Return DRAM beats and cycles of some units, work of the host left out.

        Raises
        ------
        CapacityError
            One does not fit.
        """
        costs = [self._cost_of(unit) for unit in units if self.lowerings[unit] is not None]
        return sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)

    def release(self) -> None:
        """Keep nothing."""
        for candidate, _ in self._kept:
            candidate.spot.kept = None

    def hold(self) -> None:
        """Keep what was chosen, after `release`."""
        bank = self.machine.scratchpads.act_bank_words
        for candidate, start in self._kept:
            candidate.spot.kept = candidate.at(start * bank)

    def _candidates(self, in_dram: set[Spot]) -> Iterator[_Candidate]:
        readers_of: dict[Spot, list[int]] = {}
        for index, lowering in enumerate(self.lowerings):
            if lowering is not None:
                for spot in dict.fromkeys(lowering.reads):
                    readers_of.setdefault(spot, []).append(index)
        for first, lowering in enumerate(self.lowerings):
            target = None if lowering is None else lowering.target
            if target is None or target.spot in in_dram or target.spot not in readers_of:
                continue
            readers = readers_of[target.spot]
            if any(other is None for other in self.lowerings[first : readers[-1] + 1]):
                continue
            found = self._candidate(target, first, readers)
            if found is not None:
                yield found

    def _candidate(self, target: Stored, first: int, readers: list[int]) -> _Candidate | None:
        borders: list[Border] = []
        steps, images = 1, set[int]()
        for place in (first, *readers):
            user = self.lowerings[place]
            assert user is not None
            images.add(user.samples)
        for place in readers:
            reader = self.lowerings[place]
            assert reader is not None
            border = reader.border(target)
            if border is None:
                return None
            borders.append(border)
            steps = max(steps, reader.row_steps)
        fills = {border.fill for border in borders if border.fill is not None}
        if len(fills) > 1:
            return None
        border = Border(
            max(b.top for b in borders), max(b.bottom for b in borders),
            max(b.left for b in borders), max(b.right for b in borders),
            fills.pop() if fills else None,
        )  # fmt: skip
        if self.machine.words > 1 and max(images) == 1:
            border = odd_apart(border, target.height, target.width)
        if len(images) > 1 and (border.top or border.bottom):
            return None  # who takes the samples as one image would meet what is between them
        beats = target.pixels * target.pixel_beats
        found = _Candidate(
            target, max(images), border, first, readers[-1], 0, beats * (1 + len(readers))
        )  # fmt: skip
        if found.row_stride * steps > STRIDE_MAX or found.block_stride > STRIDE_MAX:
            return None
        if border.fill is not None and not _fillable(found):
            return None
        bank = self.machine.scratchpads.act_bank_words
        banks = -(-found.block_stride * target.blocks // bank)
        if banks >= self.machine.scratchpads.act_banks:
            return None
        return replace(found, banks=banks)

    def _try(self, candidate: _Candidate) -> None:
        """Keep a tensor where it costs the least, if that moves fewer bytes.

        Of equals the banks that nothing uses shortly before: its border is loaded early then, and
        no load behind it waits; and of these the ones that leave the longest run to buffers.
        """
        units = range(candidate.first, candidate.last + 1)
        before = self._beats(units)
        banks = len(self._taken[0])
        free = [not any(self._taken[u][b] for u in units) for b in range(banks)]
        found = []
        for start in range(banks - candidate.banks + 1):
            if all(free[start : start + candidate.banks]):
                cost = self._cost_at(candidate, start)
                if cost is not None and cost[0] < before:
                    edge = min(start, banks - candidate.banks - start)
                    found.append((cost, -self._rest_units(candidate, start), edge, start))
        if not found:
            return
        start = min(found)[-1]
        self._keep(candidate, start, True)
        self._kept.append((candidate, start))
        for unit in units:
            self._costs.pop(unit, None)

    def _rest_units(self, candidate: _Candidate, start: int) -> int:
        """Return the units before (or behind) a tensor that leave its banks alone, up to a few."""
        rests = []
        for beside in (
            range(candidate.first - 1, -1, -1), range(candidate.last + 1, len(self._taken))
        ):  # fmt: skip
            rest = 0
            for unit in beside[:RESTS_WANTED]:
                if self.lowerings[unit] is None:
                    break  # where a run begins or ends, nothing is loaded early
                if any(self._taken[unit][start : start + candidate.banks]):
                    break
                rest += 1
            rests.append(rest)
        return min(rests)

    def _keep(self, candidate: _Candidate, start: int, is_kept: bool) -> None:
        bank = self.machine.scratchpads.act_bank_words
        candidate.spot.kept = candidate.at(start * bank) if is_kept else None
        for unit in range(candidate.first, candidate.last + 1):
            for taken in range(start, start + candidate.banks):
                self._taken[unit][taken] = is_kept

    def _cost_at(self, candidate: _Candidate, start: int) -> tuple[int, int] | None:
        """Return beats and cycles of the units that a kept tensor would touch; None: no room."""
        self._keep(candidate, start, True)
        try:
            costs = [self._unit_cost(unit) for unit in range(candidate.first, candidate.last + 1)]
        except CapacityError:
            return None
        finally:
            self._keep(candidate, start, False)
        beats = sum(cost[0] for cost in costs)
        if candidate.border.fill is not None:
            stored = candidate.stored
            inner = stored.height // candidate.samples, stored.width
            beats += len(fill_pieces(self.machine, candidate.at(0), stored.blocks, inner))
        return beats, sum(cost[1] for cost in costs)

    def _beats(self, units: range) -> float:
        """Return DRAM beats; none are as many as those of a unit that does not fit.

        A cascade may fit only where what it reads is kept.
        """
        try:
            return sum(self._cost_of(unit)[0] for unit in units)
        except CapacityError:
            return inf

    def _cost_of(self, unit: int) -> tuple[int, int]:
        if unit not in self._costs:
            self._costs[unit] = self._unit_cost(unit)
        return self._costs[unit]

    def _unit_cost(self, unit: int) -> tuple[int, int]:
        """Return DRAM beats and cycles of a unit in its window.

        Raises
        ------
        CapacityError
            It does not fit.
        """
        lowering = self.lowerings[unit]
        assert lowering is not None
        return lowering.cost(self.machine, self.window(unit)[1])


def _worth(candidate: _Candidate) -> tuple[float, int]:
    held = candidate.banks * (candidate.last - candidate.first + 1)
    return candidate.saved_beats / held, -candidate.first


def _longest_run(taken: list[bool]) -> Banks:
    best, start = (0, 0), 0
    for bank, is_taken in enumerate([*taken, True]):
        if is_taken:
            if bank - start > best[1]:
                best = (start, bank - start)
            start = bank + 1
    return best


def odd_apart(border: Border, rows: int, columns: int) -> Border:
    """Return `border` with more rows and columns where blocks would lie an even distance apart."""
    even_row = (border.left + columns + border.right) % 2 == 0
    even_rows = (border.top + rows + border.bottom) % 2 == 0
    return replace(border, right=border.right + even_row, bottom=border.bottom + even_rows)


def _fillable(candidate: _Candidate) -> bool:
    """Return whether one LD of a pixel and its padding covers a block."""
    height = candidate.block_stride // candidate.row_stride
    return max(height, candidate.row_stride) <= 2 * MOST_PADS + 1
