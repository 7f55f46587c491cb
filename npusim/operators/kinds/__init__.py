"""Mechanisms that operators of one kind share; a page names its kind and says what is its own."""
