"""Score without seeing: a third party computes on encrypted features, and only the owner decrypts."""
