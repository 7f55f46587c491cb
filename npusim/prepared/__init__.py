"""A network prepared once and run on batches: what the kernels engine and the host run."""
