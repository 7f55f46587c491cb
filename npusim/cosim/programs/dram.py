"""DRAM of a random program: its regions, and the constants that grow in one of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from npusim.cosim.npu.placement import wanted_bytes
from npusim.datapath.requantize_float import EXPONENT_BIAS, FRACTION_BITS
from npusim.datapath.stimulus import between
from npusim.isa.layout import pack_parameters
from npusim.isa.program import PAGE_BYTES
from npusim.machines import Machine

INPUT, PARAMETERS, OUTPUT, SCRATCH, *MORE_INPUTS = range(6)
MORE_OUTPUTS = (6, 7)
REGION_NAMES = (
    "input", "parameters", "output", "scratch", "input_1", "input_2", "output_1", "output_2",
)  # fmt: skip
INPUTS = (INPUT, INPUT, *MORE_INPUTS)
OUTPUTS = (OUTPUT, OUTPUT, *MORE_OUTPUTS)
"""Regions to choose from, the large ones more often."""
INPUT_BYTES = 3 * 4096 + 512
OUTPUT_BYTES = 2 * 4096 + 256
SCRATCH_BYTES = 4096
MORE_BYTES = 2048
"""Of each further region."""
MULTIPLIERS = 1 << 30
"""The multipliers of a channel add up to less than this, so that |T| < 2^62 whatever they meet."""


@dataclass
class Dram:
    """The regions' contents."""

    machine: Machine
    rng: random.Random
    parameters: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.input = self.rng.randbytes(INPUT_BYTES)
        self.scratch = self.rng.randbytes(SCRATCH_BYTES)
        self.more = tuple(self.rng.randbytes(MORE_BYTES) for _ in MORE_INPUTS)

    def images(self) -> tuple[bytes, ...]:
        """Return the image of each region, as long as the region."""
        parameters = bytes(self.parameters) or bytes(16)
        outputs = (bytes(MORE_BYTES) for _ in MORE_OUTPUTS)
        return self.input, parameters, bytes(OUTPUT_BYTES), self.scratch, *self.more, *outputs

    def beats(self, region: int) -> int:
        """Return the beats of a region (not of PARAMETERS, which grows)."""
        sizes = {INPUT: INPUT_BYTES, OUTPUT: OUTPUT_BYTES, SCRATCH: SCRATCH_BYTES}
        return sizes.get(region, MORE_BYTES) // self.machine.bus.bus_bytes

    def first_beat(self, rng: random.Random, places: range) -> int:
        """Return one of `places`, beats of any region; mostly a 4 KB page ends near it.

        It then ends 2^n beats behind the place and up to 15 more, so that each bit of what is left
        of a page decides alone how long some burst is.
        """
        bus_bytes = self.machine.bus.bus_bytes
        page = PAGE_BYTES // bus_bytes
        left = (1 << rng.randrange(page.bit_length() - 1)) + rng.randrange(16)
        first = (-wanted_bytes(self.machine) // bus_bytes - left) % page
        near = [place for place in range(first, places.stop, page) if place >= places.start]
        return rng.choice(near if near and rng.random() < 0.7 else places)

    def add_parameters(
        self, terms: int, blocks: int, rng: random.Random, is_float: bool = False
    ) -> int:
        """Append the constants of `blocks` channel blocks; return the first beat.

        `is_float`: term 0's multipliers are float32 scales.
        """
        first = len(self.parameters) // self.machine.bus.bus_bytes
        for _ in range(blocks):
            self.parameters += self._block(terms, rng, is_float)
        return first

    def _block(self, terms: int, rng: random.Random, is_float: bool) -> bytes:
        size = self.machine.size
        multipliers = np.zeros((terms, size), np.int64)
        bias, shift = np.zeros(size, np.int64), np.zeros(size, np.int64)
        channel_shift = np.zeros(size, np.int64)
        wes = rng.random() < 0.3
        for lane in range(size):
            kind = rng.random()
            bits = 29 if kind < 0.5 else rng.randint(1, 29)
            for j in range(terms):
                share = MULTIPLIERS // terms - 1
                multipliers[j, lane] = min(share, between(rng, 0, (1 << bits) - 1))
            # operands of some 12 bits then land within +-140
            usual = max(
                0, min(62, int(multipliers[:, lane].max()).bit_length() + rng.randint(2, 9))
            )
            shift[lane] = usual if kind < 0.8 else rng.randint(0, 62)
            if wes:
                channel_shift[lane] = min(rng.randint(0, 15), 62 - shift[lane])
            spread = 1 << min(60, int(shift[lane]) + 7)
            bias[lane] = between(rng, 1 - spread, spread - 1)
            if is_float:
                multipliers[0, lane], bias[lane] = _float_scale(rng)
                multipliers[1:, lane] %= MULTIPLIERS - multipliers[0, lane]
        return pack_parameters(multipliers, bias, shift, channel_shift, size)


def _float_scale(rng: random.Random) -> tuple[int, int]:
    """Return the bits of a float32 scale below 2, and a bias for sums of the size that it suits.

    Scaled, most of these sums land within a few hundred.
    """
    sum_bits = rng.randint(2, 31)
    exponent = max(0, min(EXPONENT_BIAS, EXPONENT_BIAS + rng.randint(5, 9) - sum_bits))
    fraction = rng.choice((0, rng.getrandbits(FRACTION_BITS), rng.getrandbits(FRACTION_BITS)))
    spread = 1 << (sum_bits - 1)
    return exponent << FRACTION_BITS | fraction, between(rng, 1 - spread, spread - 1)
