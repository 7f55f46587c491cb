"""Each module writes the document of its name in docs/."""
