"""Pieces of the graph of parts that fill a file each; `wiring` joins them with the rest."""
