"""The memory port: when each beat of a burst passes where the ports are independent.

A channel is int64 [3]: handshakes so far, cycle of the last one, LFSR. A model other than `lfsr`
is an LFSR of 0, which stays 0. A port is its address channel, its data channel, for writes its
response channel, and the ends of the last N bursts. docs/architecture.md, section 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import scalar
from npusim.machines.memories import Memory

CHANNELS = ("FETCH AR", "FETCH R", "LD AR", "LD R", "ST AW", "ST W", "ST B")
_COUNT, _LAST, _LFSR = range(3)
WAIT_MASK = 7
"""The low bits of the LFSR that are the cycles before the next handshake."""
SEED_STEP = 0x9E37


def channel_seed(memory: Memory, channel: int) -> int:
    """Return what the LFSR of a channel is loaded with at every start."""
    if memory.model != "lfsr":
        return 0
    return (memory.seed + SEED_STEP * channel) % (1 << 16) or 1


def new_channels(memory: Memory) -> NDArray[np.int64]:
    """Return the channels [CHANNELS 3] at the start of a run."""
    channels = np.zeros((len(CHANNELS), 3), np.int64)
    channels[:, _LFSR] = [channel_seed(memory, c) for c in range(len(CHANNELS))]
    return channels


@scalar
def lfsr_step(lfsr: int) -> int:
    """Return the LFSR one handshake later."""
    bit = (lfsr ^ (lfsr >> 2) ^ (lfsr >> 3) ^ (lfsr >> 5)) & 1
    return bit << 15 | lfsr >> 1


@scalar
def free_at(channel: Any) -> int:
    """Return the first cycle in which a channel may take its next handshake."""
    if channel[_COUNT] == 0:
        return 0
    return channel[_LAST] + 1 + (channel[_LFSR] & WAIT_MASK)


@scalar
def handshake(channel: Any, cycle: int) -> None:
    """Record a handshake."""
    if channel[_LFSR] != 0:
        channel[_LFSR] = lfsr_step(channel[_LFSR])
    channel[_COUNT] += 1
    channel[_LAST] = cycle


@scalar
def stream(channel: Any, beats: int) -> int:
    """Pass `beats` further beats, each as early as the channel lets it; return the last's cycle."""
    if channel[_LFSR] == 0:
        channel[_COUNT] += beats
        channel[_LAST] += beats
    else:
        for _ in range(beats):
            handshake(channel, free_at(channel))
    return channel[_LAST]


@scalar
def address(channel: Any, ends: Any, valid: int) -> int:
    """Take the next burst's address, valid from `valid` on; return the cycle.

    `ends` [N]: the cycle in which the burst that used this place before was complete.
    """
    burst = channel[_COUNT]
    cycle = max(valid, free_at(channel))
    if burst >= len(ends):
        cycle = max(cycle, ends[burst % len(ends)] + 1)
    handshake(channel, cycle)
    return cycle


@scalar
def first_beat(channel: Any, accepted: int, ready: int, latency: int) -> int:
    """Pass the first beat of a read burst whose address passed at `accepted`; return the cycle."""
    cycle = max(free_at(channel), accepted + latency, ready)
    handshake(channel, cycle)
    return cycle


@scalar
def finish(channel: Any, ends: Any, cycle: int) -> None:
    """Record that the burst whose address the channel took last was complete at `cycle`."""
    ends[(channel[_COUNT] - 1) % len(ends)] = cycle


@scalar
def respond(channel: Any, last: int, latency: int) -> int:
    """Pass the response to a write burst whose last beat passed at `last`; return the cycle."""
    cycle = max(free_at(channel), last + latency)
    handshake(channel, cycle)
    return cycle
