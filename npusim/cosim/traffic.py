"""What is driven in every cycle, and what must be seen: the pipeline protocol as a model.

Inputs are driven on the falling edge and outputs are sampled just before the next rising edge, so
that an output of latency 0 and one of latency 1 are told apart. While `en_i` is 0 or `valid_i` is 0
other inputs stand at the ports: a module that takes them is caught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from npusim.cosim.wiring import Wiring

BLOCK = 64
"""Inputs driven in one style before the next style begins."""

LEAST_INPUTS = 2048
"""Fewer vectors are driven again and again, so that every style of traffic is seen."""

BRIEF = "brief"
"""Style in which the inputs stand only around the rising edge, and are inverted after it: a
register on the falling edge, or a latch, takes the wrong ones."""

STYLES = (
    # name, probability of a valid input, of an enabled cycle, of a reset
    ("burst", 1.0, 1.0, 0.0),
    ("stalls", 1.0, 0.7, 0.0),
    ("burst", 1.0, 1.0, 0.0),
    ("bubbles", 0.6, 1.0, 0.0),
    ("burst", 1.0, 1.0, 0.0),
    ("bubbles and stalls", 0.7, 0.7, 0.0),
    ("burst", 1.0, 1.0, 0.0),
    ("resets", 0.8, 0.7, 0.08),
    (BRIEF, 0.8, 0.8, 0.0),
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One clock cycle: what is driven, and which vector must stand at the outputs."""

    style: str
    reset: bool
    enable: bool
    valid: bool
    vector: int
    """Index of the vector at the inputs (valid or not)."""
    check_valid: bool
    out: int
    """Index of the vector at the outputs, -1 where no valid one stands there."""
    check_data: bool

    @property
    def brief(self) -> bool:
        """Whether the inputs are inverted after the rising edge."""
        return self.style == BRIEF


def traffic(
    vector_count: int, latency_cycles: int, wiring: Wiring, rng: Random, counts: Counter[str]
) -> Iterator[Cycle]:
    """Yield cycles until every vector has been accepted and seen at the outputs.

    Vectors that a reset destroys in flight are driven again. `counts` receives how many cycles had
    a stall, a bubble or a reset with work in flight, for the coverage.
    """
    has_reset, has_enable = wiring.reset is not None, wiring.enable is not None
    has_bubbles = wiring.valid_in is not None
    target = max(vector_count, LEAST_INPUTS)
    empty = (-1, -1)
    pipeline = [empty] * latency_cycles  # (vector, serial number of the input or -1)
    known = latency_cycles == 0
    enabled_cycles = 0
    accepted = 0
    start_up = latency_cycles + 2
    drain = 0
    cycle = 0
    while accepted < target or drain <= latency_cycles:
        style, p_valid, p_enable, p_reset = STYLES[(accepted // BLOCK) % len(STYLES)]
        starting = cycle < start_up
        if starting:
            style, reset, enable, valid = "start", has_reset, True, has_reset or not has_bubbles
        else:
            reset = has_reset and p_reset > 0 and rng.random() < p_reset
            enable = not has_enable or p_enable == 1.0 or rng.random() < p_enable
            valid = not has_bubbles or p_valid == 1.0 or rng.random() < p_valid
        if accepted >= target:
            style, reset, valid = "drain", False, not has_bubbles
            drain += enable
        accept = enable and valid and not reset and accepted < target and not starting
        serial = accepted if accept else -1
        vector = accepted % vector_count if accept else rng.randrange(vector_count)
        if not has_bubbles and enable and not reset and not accept:
            accept = True  # the module cannot know that this input is only a filler
        if latency_cycles:
            out = pipeline[-1][0]
            check = known and not (wiring.reset_asynchronous and reset)
        else:
            out = vector if valid else -1
            check = enable and not reset
        yield Cycle(style, reset, enable, valid, vector, check, out, check and out >= 0)
        in_flight = any(index >= 0 for index, _ in pipeline)
        counts["stall with work in flight"] += in_flight and not enable
        counts["bubble between valid inputs"] += not valid and in_flight
        counts["reset with work in flight"] += reset and in_flight
        counts["reset while stalled"] += reset and not enable and in_flight
        counts["back to back inputs"] += accept and in_flight
        if reset:
            lost = [number for _, number in pipeline if number >= 0]
            accepted = min(lost, default=accepted)
            pipeline = [empty] * latency_cycles
            known = True
        elif enable:
            enabled_cycles += 1
            accepted += serial >= 0
            if latency_cycles:
                pipeline = [(vector, serial) if accept else empty, *pipeline[:-1]]
            known = known or enabled_cycles >= latency_cycles
        cycle += 1


def required_events(latency_cycles: int, wiring: Wiring) -> tuple[str, ...]:
    """Return the traffic events that must have happened for a verification to count."""
    if latency_cycles == 0:
        return ()
    events = ["back to back inputs"]
    if wiring.valid_in is not None:
        events.append("bubble between valid inputs")
    if wiring.enable is not None:
        events.append("stall with work in flight")
    if wiring.reset is not None:
        events.append("reset with work in flight")
        if wiring.enable is not None:
            events.append("reset while stalled")
    return tuple(events)


def styles(wiring: Wiring, latency_cycles: int) -> tuple[str, ...]:
    """Return the styles of traffic that a module with these ports is driven in."""
    missing = {"stalls" if wiring.enable is None else "", "resets" if wiring.reset is None else ""}
    if wiring.valid_in is None:
        missing.add("bubbles")
    if wiring.enable is None or wiring.valid_in is None:
        missing.add("bubbles and stalls")
    if latency_cycles == 0:
        missing.update(("stalls", "resets", "bubbles", "bubbles and stalls", BRIEF))
    names = dict.fromkeys(name for name, *_ in STYLES)
    return tuple(name for name in names if name not in missing)
