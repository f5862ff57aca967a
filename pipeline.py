#!/usr/bin/env python3
"""Judge one backstory against one novel: ``python pipeline.py --help``."""

import sys

from pipeline.cli import judge_main

if __name__ == "__main__":
    sys.exit(judge_main())
