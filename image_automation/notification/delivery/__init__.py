"""From a message to its service: accounts, tokens, and a sender for each protocol."""
