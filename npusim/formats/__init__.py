"""Files to networks and back: one folder a format."""
