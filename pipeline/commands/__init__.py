"""The commands, one file each, found by ``catalogue``; and the work, flags, settings and progress that they share."""
