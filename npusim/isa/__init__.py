"""The instruction set: data, encoding, assembly, static checks, programs on disk."""
