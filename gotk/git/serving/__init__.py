"""The serving side of Git over smart HTTP, in process."""
