"""One file a detector; each has a class and `load()`."""
