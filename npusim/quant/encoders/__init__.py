"""Encoders: the codes of one layer's weights, one page a scheme and one mechanism over them all."""
