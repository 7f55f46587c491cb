"""Convolutions and matrix products: shape, tiling, bands, constants."""
