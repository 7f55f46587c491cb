"""What a run costs: energy of its events, area and leakage of the machine.

Prices come from tables that tools/flow/ makes from rtl/ and open cell libraries;
docs/energy.md says what the numbers mean.
"""
