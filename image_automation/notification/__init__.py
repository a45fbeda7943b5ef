"""Events to people and systems: alerts and the providers they go out through; and calls that come in."""
