"""The sheets of data's upkeep, by what they do: `open_x(page, reference)`."""

from mlops_desktop.ui.pages.data_archive import open_archive, open_restore
from mlops_desktop.ui.pages.data_delete import open_delete
from mlops_desktop.ui.pages.data_export import open_export
from mlops_desktop.ui.pages.data_verify import open_collect, open_verify

__all__ = ["open_archive", "open_collect", "open_delete", "open_export", "open_restore", "open_verify"]
