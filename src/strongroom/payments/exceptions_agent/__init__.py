"""A small agent that handles payment exceptions, and the ways to rob it: for the guard's demo."""
