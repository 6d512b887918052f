"""Key services over the network or in a token: one file for each, imported when a URI asks."""
