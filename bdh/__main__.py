"""``python -m bdh``."""

import sys

from bdh.processor import limit_threads, sleep_while_waiting


def main() -> int:
    """Run the command line in a process whose threads leave the processor to others while they wait."""
    sleep_while_waiting()
    from bdh.cli import main as run

    limit_threads()
    return run()


if __name__ == "__main__":
    sys.exit(main())
