"""Machine descriptions: the Machine type and the machines that come with npusim."""

from npusim.machines.machine import Machine

__all__ = ["Machine"]
