"""From tags to the chosen tag: pure decisions, and one reconciler that writes them down."""
