"""What people are told beyond each object's own events: what a version has come to, and what waits."""
