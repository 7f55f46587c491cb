"""Weight codes."""
