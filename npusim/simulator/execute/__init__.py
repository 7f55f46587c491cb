"""What instructions do to data: each prepared to a call by address; plain loops beside them."""
