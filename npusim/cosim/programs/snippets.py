"""All snippets of random programs: each appends a few instructions that are legal there."""

from __future__ import annotations

import random
from collections.abc import Callable

from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.dram import Dram
from npusim.cosim.programs.mac import multiply
from npusim.cosim.programs.transfers import load_parameters, load_plain, load_tile, store
from npusim.cosim.programs.vector import requantize, vector
from npusim.isa.spec import FACING, QUEUED_ENGINES, SIDES, TOKEN_MAX, neighbour

Snippet = Callable[[Builder, Dram, random.Random], None]


def configure_only(b: Builder, d: Dram, rng: random.Random) -> None:
    """Fill the queues with CFGs that change nothing; a few programs become long by them."""
    for _ in range(rng.randint(1, 12) if rng.random() < 0.9 else 1 << rng.randrange(4, 10)):
        b.append(b.idle_cfg(rng.choice(QUEUED_ENGINES), rng), rng)


def ping_pong(b: Builder, d: Dram, rng: random.Random) -> None:
    """Let tokens gather up to TOKEN_MAX, then take them."""
    b.fence()
    giver, side = rng.choice(QUEUED_ENGINES), rng.choice([*SIDES])
    taker, signal, wait = neighbour(giver, side), f"signal_{side}", f"wait_{FACING[side]}"
    tokens = rng.choice((TOKEN_MAX, rng.randint(1, TOKEN_MAX)))
    for engine, flag in ((giver, signal), (taker, wait)):
        for _ in range(tokens):
            b.append_with(b.idle_cfg(engine, rng), flag)


def fence(b: Builder, d: Dram, rng: random.Random) -> None:
    """FENCE, wherever the engines are."""
    b.fence()


def convolution(b: Builder, d: Dram, rng: random.Random) -> None:
    """Do what a tile of a layer does: loads, MAC, RQ, store."""
    for snippet in (load_plain, load_tile, load_parameters, multiply, requantize, store):
        snippet(b, d, rng)


SNIPPETS: tuple[tuple[Snippet, int], ...] = (
    (load_plain, 3), (load_tile, 4), (load_parameters, 2), (store, 5), (multiply, 6),
    (requantize, 7), (vector, 9), (configure_only, 1), (ping_pong, 1), (fence, 1), (convolution, 3),
)  # fmt: skip
"""(snippet, how often)."""
