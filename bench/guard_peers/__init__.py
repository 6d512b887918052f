"""One runner for each peer of the guard's bench; each runs in that peer's own environment."""
