"""Energy of our RTL at gate level: synthesize, record real traffic, replay it, price each edge."""
