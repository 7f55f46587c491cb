"""Several layers depth first: band of rows by band of rows, with nothing in DRAM between them."""
