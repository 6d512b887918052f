"""One module for each format: bytes in, hazards out; nothing is loaded."""
