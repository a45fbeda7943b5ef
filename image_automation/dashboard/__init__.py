"""Web pages of what the service knows: one file per page, its record a pure function of objects.

A page shows what `explain`, `plan` and the status of objects say, and decides nothing itself. The same address gives
the record as JSON to who asks for that. Pages need no JavaScript to be read.
"""
