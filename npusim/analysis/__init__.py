"""Figures drawn from programs and runs: cycles a layer, occupancy, activity."""
