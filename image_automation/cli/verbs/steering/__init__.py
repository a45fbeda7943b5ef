"""Verbs by which a person steers what is rolled out: stop at a version, or go back to one."""
