"""Data contracts: infer one from a version, write it as TOML, and hold rows to it.

A batch first passes Arrow kernels (`screen`), which can only clear it; what they do not clear goes to pandera
(`judge`), which names the rows. What needs the whole table (unique values, numbers of rows) is in `keys` and `examine`.
"""

from mlops_desktop.data.contracts.files import from_toml, to_toml
from mlops_desktop.data.contracts.infer import infer_contract
from mlops_desktop.data.contracts.judge import to_pandera
from mlops_desktop.data.contracts.keeping import check_version, contract_warnings, save_contract

__all__ = [
    "check_version",
    "contract_warnings",
    "from_toml",
    "infer_contract",
    "save_contract",
    "to_pandera",
    "to_toml",
]
