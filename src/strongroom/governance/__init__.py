"""What is required of a system, and what the system says it is."""
