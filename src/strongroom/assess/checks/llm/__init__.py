"""Checks of what stands before language models, one file each."""
