"""Judges that label single passages: the interface, the registry, rules, cross-encoders."""
