"""Random programs, legal and bad."""
