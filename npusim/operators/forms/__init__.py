"""How a page says what an operator is called in each format, and how its attributes map."""
