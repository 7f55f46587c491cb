"""What runs a network: kernels, machine, rtl."""
