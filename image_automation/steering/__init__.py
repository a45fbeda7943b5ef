"""How a person steers what is rolled out: decides about versions, pins, lets through, rolls back.

Each is a patch of an annotation by that person's own rights. The command line and the dashboard do it by these
functions, so that both write the same, refuse the same, and say the same of it.
"""
