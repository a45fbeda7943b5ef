"""What Flux's notification-controller sends, recorded, and the cases that it was recorded for.

A file of cases here (`chat.py`: a tuple `CASES`) has its record beside it (`chat.json`). To add cases, add such a file
or lines to one and record:

    python -m scripts.record_notifications path/to/notification-controller chat [case ...]

The record holds per case the requests that arrived, byte by byte, the Warning events on the Alert, and the UIDs that
the cluster gave. `replay.py` brings the same case to our provider, with the recorded UIDs.
"""
