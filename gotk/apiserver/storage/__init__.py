"""Where objects live, and who is told of their changes."""
