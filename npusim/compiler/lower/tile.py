"""How the machine computes Tile: see npusim/operators/tile.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
