"""What can be done with objects, one verb per file."""
