"""MLOps Desktop: the whole machine-learning lifecycle in one local program."""

__version__ = "0.1.0"
