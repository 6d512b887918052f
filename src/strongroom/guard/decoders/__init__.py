"""One file for each way of writing a text so that it does not look like what it says."""
