"""Post-build variables: where their values come from, and `${var}` with its bash-like functions."""
