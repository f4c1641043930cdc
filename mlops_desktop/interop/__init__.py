"""Other formats and platforms: a version made here, used elsewhere."""
