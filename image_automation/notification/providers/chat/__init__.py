"""Chat services: how each wants a message worded."""
