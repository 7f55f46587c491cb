"""What docs/energy_figures.md says around its tables."""

PAGE = """\
# Energy in figures: the literature, and the average beside the data

Written by `python -m tools.pages.energy_figures WORK`; do not edit. Tables
of `npusim/cost/tables/`, average model, netlists with clock gates but where it says so. What the
numbers are made of: [energy](energy.md).

## A product, by format

A product in a column of 16 rows in Nangate45, in the smallest build that runs the format (the
second column says which formats that build has): its share of the column with its adder trees, of
the accumulating adders at its foot (three for pwlq), and of their clock. Operands are those of
real layers with the weight standing still, as in the machine. Stand-alone MACs (each with its own
32-bit accumulators, random operands, four libraries) are a trial made before this project: see
the ratios only. The last two columns are [area](area.md)'s for a column with one format.

{products_45}

{products_130}

{difference}

## Horowitz, 45 nm

M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, 10..14: int8
multiply 0.2 pJ, 32-bit add 0.1 pJ, 8 KB SRAM 10 pJ for 64 bits, at 0.9 V. Scaled to Nangate45's
1.1 V by voltage squared. Ours is one product of the uniform8 column as above, registers and clock
included, which the published figure of an operator leaves out; and without the 32-bit adder in
each PE, which it includes. Our SRAM is IHP's macro (130 nm, with bit mask and test ports),
scaled: docs/energy.md.

{horowitz}

## PWLQ on ResNet-50

J. Fang et al., "Post-training Piecewise Linear Quantization for Deep Neural Networks", ECCV 2020,
report for ResNet-50 against 8-bit uniform: at 8 GB/s a speedup of 1.73 (4-bit uniform) and 1.46
(4-bit PWLQ), and an energy of 0.73 and 0.78. Here: ResNet-50 at 224 x 224, one image, on machines
with one format each at 1 GHz, GB/s for loads and as much again for stores. "With activations on
chip": array cycles or the load of the layer's weights, whichever is longer, layer by layer.
`pwlq` is the paper's grid and breakpoint; `pwlq, as published` has its correction of means
besides, for which the array sums each window with codes of its own: three times the products, and
nothing that the published figures can hold. `pwlq_double`
ties the tail's step to twice the centre's ([quantization](quantization.md#a-doubled-step)): one
accumulator, on a multiplier of six bits (`formats = ["uniform6", "pwlq_double"]`). 32 columns of
64 rows sum twice as many products as 32 x 32 before they visit ACC.

{resnet}

**Speedup.** The two published figures fit one machine that waits for memory alone: with {weights}
MB of 8-bit weights, half of it at 4 bits and 5/8 at PWLQ's 5 stored bits, a speedup of 1.73
leaves {other4} MB of other traffic, and 1.46 leaves {other_pwlq} MB: the same. Such a machine
keeps nearly all activations on chip, and its array is hardly ever the limit. Ours stores each
layer's output and loads it for the next one: the "MB other", which no scheme for weights makes
smaller; and a 32 x 32 array takes about as long for ResNet-50's products as 8 GB/s take for its
8-bit weights. The column "with activations on chip" takes the first difference away and the 64 x
64 array the second: there the published figures come out.

**Energy.** What the published figure holds we know from its table alone. Ours is the whole
machine with DRAM at 20 pJ a bit, the chip without DRAM beside it, and the chip without clock gates.
4-bit weights save multipliers and weight traffic, and nothing of activations, accumulators,
requantizers, clock and leakage. PWLQ adds two adder trees and two accumulators to each column:
ACC, which our machine reads and writes for every partial sum of as many products as the array has
rows, moves three times as many bytes, and that alone costs more than the narrower multipliers
save. A figure as close to 4-bit uniform as 0.78 to 0.73 fits one accumulator, or accumulators in
the processing elements, not three memories of partial sums: `pwlq_double` has one, at the stored
bits of pwlq, and comes out there. Prices of the array are those of the builds in the first table
above; products of pwlq_double are priced as 6-bit weights of uniform codes, which are larger than
its own.

## Other accumulators

ACC is read only where a sum is added to, and only in the regions that a format uses. What is left
to save there, first order, from the counted events of each layer:

* **{band} tiles in registers.** The array would add up {band} reduction tiles before it visits ACC.
  The registers hold as many results as the array has rows, because the next weight tile takes
  that many cycles to load, and each tile is loaded once for so many results in place of once a
  pass. A register's bit is priced as one of the sequencer's, its clock alone; "clock gated" clocks
  one word of them for each accumulation, "not gated" all of them in each cycle.
* **A narrower ACC**, where a layer's bound proves that its sums fit 24 bits: at most a fourth of
  ACC's energy.

Shares of all energy of the network on the machine, DRAM included:

{alternatives}

Neither is built. Registers pay where their clocks are gated, and cost more than they save where
they are not, as on the machines that come with npusim; a narrower ACC is worth a few percent. More
rows do the same as registers and are built: the adder tree of a column adds what would have been
several reduction tiles (`array.rows`; the last rows of the table above, and [cycles](cycles.md)).

## The average beside what the data toggles

`npusim run --engine machine --energy toggles` on `nano`: digits (npusim/networks/digits), quantized
from its float form by each scheme, mean of {samples} test samples. Products of the array; "off" is
how far the average lies from the energy of this data; the layers that are furthest off on either
side; and of the whole energy. The table's average is fitted to other windows of the same network,
so these figures are kind to it: data unlike it is further off.

{toggles}
"""

SEPARATE = """\
Where we differ from the stand-alone MACs, why: a column adds products before it accumulates, so
the 32-bit accumulator, the same for all formats, is shared by 16 products, and what is left
depends more on the format; weights stand still in the array, random operands change both inputs
at once; and pwlq shares its three accumulators."""

TOGETHER = """\
In the build with all formats they cost nearly the same: the operands and weights of a layer reach
the multipliers of every format, which all toggle, and a multiplexer picks one product. A machine
that is to save energy by a format must be built with that format alone, or isolate the operands of
the others; its area, in the last columns, shows what is there to save."""
