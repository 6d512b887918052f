"""The command line: one file a verb. `strongroom --help` imports none of them."""
