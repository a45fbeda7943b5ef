"""CEL expressions of users: compiled and evaluated in a process of its own."""
