"""``python -m bdh``."""

import sys

from bdh.cli import main

if __name__ == "__main__":
    sys.exit(main())
