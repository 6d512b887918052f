"""Frozen records and the words of the house. No I/O, no clock, no randomness."""
