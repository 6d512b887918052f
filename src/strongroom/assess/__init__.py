"""Runs checks and writes what they found as signed evidence. Blind to the registry."""
