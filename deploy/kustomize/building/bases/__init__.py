"""Remote bases: read, allowed, fetched, and laid among the files of a source."""
