"""Attacks as pure numerics: arrays and a scoring function in, figures out. No I/O."""
