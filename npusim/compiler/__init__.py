"""From a quantized network to a program for one machine."""
