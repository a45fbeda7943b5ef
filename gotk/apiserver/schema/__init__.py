"""What the objects of a kind may hold: types, defaults, validation, pruning."""
