"""Machine descriptions: the Machine type and the machines that come with npusim."""

from npusim.machines.machine import Machine
from npusim.machines.prices import Host

__all__ = ["Host", "Machine"]
