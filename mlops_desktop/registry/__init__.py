"""The registry: SQLite, the journal and the content store. The only room that opens either."""

from mlops_desktop.registry import orm as orm
from mlops_desktop.registry.registry import Registry as Registry
