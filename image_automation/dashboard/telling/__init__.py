"""What is told of objects, and to whom: their events, the notifications that went out, the calls that came in."""
