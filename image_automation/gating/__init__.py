"""Gates: what a change has to pass before it is written. Pure: changes, annotations and the time in, records out."""
