"""From the chosen tag to a commit, and the front of the house: command line and composition root."""
