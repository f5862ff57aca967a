"""The commands of ``python -m bdh``, one file each with its flags."""
