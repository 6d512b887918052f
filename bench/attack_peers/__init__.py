"""Attack toolboxes, each run by the interpreter of its own environment."""
