"""Integers that a layer is computed with, one source for the kernels and for the compiler.

Decoded weights and tables of functions: what stands in the file, put through the datapath's own
pages. Constants of scales alone are made in npusim/graph/requantization*.py.
"""
