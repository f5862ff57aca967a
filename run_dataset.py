#!/usr/bin/env python3
"""Fit on a table of labelled backstories and predict another: ``python run_dataset.py --help``."""

import sys

from pipeline.cli import dataset_main

if __name__ == "__main__":
    sys.exit(dataset_main())
