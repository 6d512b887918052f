"""Less unequal decisions, and what they cost."""
