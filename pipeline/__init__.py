"""Judge whether a backstory is consistent with a complete novel, with verbatim evidence."""
