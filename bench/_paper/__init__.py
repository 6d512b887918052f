"""The white paper on payment models under attack: its systems, its runs, its tables and plots."""
