"""Quantizers: from float weights and calibration data to integer codes and constants.

Encoders are offline and use float64, but are deterministic: fixed summation orders, no BLAS, no
transcendental function of the C library, written tie rules. Integers alone leave this package.
"""
