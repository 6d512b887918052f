"""Checks on what the system is made of and where it came from."""
