"""The registries that images are looked for in: how fresh what they said is, and how they take it."""
