"""Networks: representation, importers, and the constants derived from scales."""
