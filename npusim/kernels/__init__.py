"""The kernels engine: whole tensors, exact, as fast as the processor allows."""
