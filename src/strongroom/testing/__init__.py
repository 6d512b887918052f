"""Public fakes and builders, imported by tests only."""
