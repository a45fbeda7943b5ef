"""From a repository that nobody updates to one that is: images found, policies guessed, markers put. No I/O."""
