"""Patches and who owns which field: server-side apply, strategic merge, JSON patches. Pure."""
