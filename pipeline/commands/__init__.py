"""What the scripts and tools do once their flags are good: stages to files, and lines for a person to read."""
