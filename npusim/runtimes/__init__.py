"""What each runtime computes: constants and rules shared over operators."""
