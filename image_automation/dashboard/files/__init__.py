"""The files of an automation's checkout: what is marked in them, for which policy, and who wrote it last."""
