"""What a model may do: which tools, with which arguments, and where these may come from. Pure."""
