"""Entry point, also of the frozen build; see `mlops_desktop.__main__`."""

import sys

from mlops_desktop.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
