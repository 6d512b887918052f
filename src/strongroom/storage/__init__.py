"""Where things are kept: SQL for the index, content-addressed objects for the bytes."""
