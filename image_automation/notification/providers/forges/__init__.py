"""Git forges: commit statuses and comments."""
