"""What changed from one version to another."""
