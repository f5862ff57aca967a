"""Commands with flags of their own, one file each; ``bdh/cli.py`` adds them to the others."""
