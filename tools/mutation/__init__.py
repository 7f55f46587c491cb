"""Broken Verilog on purpose: how much of it the benches notice."""
