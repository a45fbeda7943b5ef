"""The kinds that are served: built-in ones, and those that definitions bring and take away."""
