"""Updates as pull requests: kept at a forge instead of pushed to the branch, for automations that ask for it."""
