"""Markers in text files that are no YAML: read line by line, one word of a line replaced, every other byte kept."""
