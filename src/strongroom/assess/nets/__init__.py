"""Small nets over tables: described in words, kept as numbers, never as code."""
