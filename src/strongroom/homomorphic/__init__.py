"""Score without seeing: a third party computes on ciphertext, and only the owner decrypts."""
