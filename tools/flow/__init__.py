"""From RTL to numbers: synthesize, record real traffic, replay it, price each edge; area, SRAM."""
