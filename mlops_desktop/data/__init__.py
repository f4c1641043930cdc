"""Read, version, profile and compare tabular data."""
