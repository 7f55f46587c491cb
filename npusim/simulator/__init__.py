"""Engines that execute a network or a program."""
