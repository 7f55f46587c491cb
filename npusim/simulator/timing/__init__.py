"""When everything happens: cycles, stalls, faults, events; no data is needed."""
