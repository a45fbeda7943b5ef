"""What the controllers of Flux answer to a table of objects, and whether ours answer the same."""
