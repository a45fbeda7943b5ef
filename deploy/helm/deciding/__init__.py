"""What is to be done about a release: its state, the next step, how often failures are met, and where a run stops."""
