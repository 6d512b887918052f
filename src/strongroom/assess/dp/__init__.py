"""Differential privacy: what was spent on a data set, models that keep to it, and an audit."""
