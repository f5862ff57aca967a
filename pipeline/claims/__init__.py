"""From a backstory to claims: sentences split into statements that name their character."""
