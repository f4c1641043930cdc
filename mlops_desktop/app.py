"""MLOps Desktop, as a program."""
