"""Keeping the store whole: verify, collect, delete, archive."""
