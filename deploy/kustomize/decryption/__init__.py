"""From encrypted files and Secrets to plain ones: the keys, the real sops program, and what of a build it is given."""
