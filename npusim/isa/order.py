"""What the tokens of a program order, whatever the timing: deadlock, overflow, happens-before.

Nothing in the machine arbitrates: a dispatch or an issue that can happen stays possible until it
does. So one untimed run shows whether every run ends, and its happens-before relation holds in all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError
from npusim.isa.assembly import line
from npusim.isa.encoding import Instruction
from npusim.isa.spec import QUEUE_DEPTH, QUEUED_ENGINES, TOKEN_MAX

TokenCounter = tuple[str, str]
COUNTERS: tuple[TokenCounter, ...] = tuple(
    (giver, taker) for giver in QUEUED_ENGINES for taker in QUEUED_ENGINES if giver != taker
)
"""The token counters: (who signals, who waits)."""


class Untimed:
    """The machine's front end without time: dispatch, queues, tokens; instructions are points."""

    def __init__(self, program: Sequence[Instruction]) -> None:
        self.program = program
        self.fetch = 0
        self.queues: dict[str, deque[int]] = {engine: deque() for engine in QUEUED_ENGINES}
        self.tokens: dict[TokenCounter, deque[int]] = {counter: deque() for counter in COUNTERS}
        """pcs of the instructions whose tokens wait to be taken."""

    def can_issue(self, engine: str) -> bool:
        """Return whether the head of an engine's queue has its tokens."""
        queue = self.queues[engine]
        return bool(queue) and all(
            self.tokens[giver, engine] for giver in self.program[queue[0]].awaits
        )

    def dispatch(self) -> int | None:
        """Move one instruction on; return the pc of a FENCE or HALT that passes, else None."""
        while self.fetch < len(self.program):
            item = self.program[self.fetch]
            if item.engine == "FETCH":
                if any(self.queues.values()):
                    return None
                self.fetch += 1
                return self.fetch - 1
            if len(self.queues[item.engine]) == QUEUE_DEPTH:
                return None
            self.queues[item.engine].append(self.fetch)
            self.fetch += 1
        return None

    def issue(self, engine: str) -> tuple[int, list[int]]:
        """Issue and retire the head; return its pc and the pcs whose tokens it took."""
        pc = self.queues[engine].popleft()
        item = self.program[pc]
        taken = [self.tokens[giver, engine].popleft() for giver in item.awaits]
        for taker in item.signals:
            self.tokens[engine, taker].append(pc)
        return pc, taken

    @property
    def finished(self) -> bool:
        """Whether every instruction has been carried out."""
        return self.fetch == len(self.program) and not any(self.queues.values())


@dataclass(frozen=True, eq=False)
class Order:
    """The happens-before relation of a program.

    Attributes
    ----------
    sequence
        pcs in an order that the tokens allow.
    number
        int64 [pc]: which instruction of its engine it is (-1 for FENCE and HALT).
    retired
        engine -> int64 [pc]: how many instructions of that engine have retired before it issues.
    members
        engine -> int64: the pcs of its instructions, in order.
    """

    sequence: tuple[int, ...]
    number: NDArray[np.int64]
    retired: dict[str, NDArray[np.int64]]
    members: dict[str, NDArray[np.int64]]

    def concurrent(self, pc: int, engine: str, other: str) -> NDArray[np.int64]:
        """Return the pcs of `other` that may run while `pc` of `engine` does."""
        members = self.members[other]
        first = int(self.retired[other][pc])
        after = self.retired[engine][members]
        return members[first : int(np.searchsorted(after, self.number[pc], side="right"))]


def order(program: Sequence[Instruction]) -> Order:
    """Return the happens-before relation of `program`.

    Raises
    ------
    FormatError
        The program deadlocks, a token counter can overflow, or tokens are left over at the end.
    """
    result = _relation(program)
    for taker in QUEUED_ENGINES:
        _check_overflow(program, taker)
    return result


def _relation(program: Sequence[Instruction]) -> Order:
    count = len(program)
    state = Untimed(program)
    number = np.full(count, -1, np.int64)
    retired = {engine: np.zeros(count, np.int64) for engine in QUEUED_ENGINES}
    members: dict[str, list[int]] = {engine: [] for engine in QUEUED_ENGINES}
    floor = dict.fromkeys(QUEUED_ENGINES, 0)  # what the last FENCE knows to have retired
    clocks = {engine: dict(floor) for engine in QUEUED_ENGINES}
    known: list[dict[str, int]] = [{} for _ in range(count)]  # each pc's clock after retirement
    sequence: list[int] = []
    while not state.finished:
        passed = state.dispatch()
        moved = passed is not None
        if passed is not None:
            sequence.append(passed)
            floor = {engine: len(members[engine]) for engine in QUEUED_ENGINES}
            clocks = {engine: dict(floor) for engine in QUEUED_ENGINES}
        for engine in QUEUED_ENGINES:
            while state.can_issue(engine):
                moved = True
                pc, givers = state.issue(engine)
                clock = clocks[engine]
                for giving in givers:
                    for name, value in known[giving].items():
                        clock[name] = max(clock[name], value)
                for other in QUEUED_ENGINES:
                    retired[other][pc] = clock[other]
                number[pc] = len(members[engine])
                members[engine].append(pc)
                clock[engine] = len(members[engine])
                known[pc] = dict(clock) if program[pc].signals else {}
                sequence.append(pc)
        if not moved and not _progress(state):
            raise FormatError(_deadlock(state))
    for (giver, taker), left in state.tokens.items():
        if left:
            raise FormatError(
                f"pc {left[0]} ({line(program[left[0]])}): its token from {giver} to {taker} is "
                f"taken by nobody; {len(left)} left at the end"
            )
    arrays = {engine: np.array(pcs, np.int64) for engine, pcs in members.items()}
    return Order(tuple(sequence), number, retired, arrays)


def _progress(state: Untimed) -> bool:
    """Return whether a dispatch has just made an issue possible, or can go on."""
    before = state.fetch
    state.dispatch()
    return state.fetch != before or any(state.can_issue(engine) for engine in QUEUED_ENGINES)


def _deadlock(state: Untimed) -> str:
    stuck = []
    for engine, queue in state.queues.items():
        if queue:
            item = state.program[queue[0]]
            missing = [giver for giver in item.awaits if not state.tokens[giver, engine]]
            stuck.append(
                f"pc {queue[0]} ({line(item)}) waits for a token of {' and '.join(missing)}"
            )
    return "deadlock: " + "; ".join(stuck)


def _check_overflow(program: Sequence[Instruction], taker: str) -> None:
    """Raise where some timing lets more than TOKEN_MAX tokens gather that `taker` waits for.

    The taker is held back as long as anything else can go on: no timing gathers more.
    """
    signals = Counter(item.engine for item in program if taker in item.signals)
    if all(count <= TOKEN_MAX for count in signals.values()):
        return
    state = Untimed(program)
    eager = [engine for engine in QUEUED_ENGINES if engine != taker]
    while not state.finished:
        before = state.fetch
        moved = state.dispatch() is not None or state.fetch != before
        for engine in eager:
            while state.can_issue(engine):
                moved = True
                pc, _ = state.issue(engine)
                if len(state.tokens[engine, taker]) > TOKEN_MAX:
                    raise FormatError(
                        f"pc {pc} ({line(program[pc])}): its token from {engine} to {taker} can be "
                        f"number {TOKEN_MAX + 1} that waits; {TOKEN_MAX} fit"
                    )
        if not moved:
            state.issue(taker)
