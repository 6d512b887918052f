"""The formats of providers: where text stands in requests, answers and streams."""
