"""English word lists and surface rules: stems, titles, verb forms, numbers, ages, times of life."""
