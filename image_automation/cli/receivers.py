"""The address of a receiver, as its sender is told it."""


def url(hostname: str, path: str) -> str:
    """Join where the door is reached from outside with a receiver's path; https unless said otherwise."""
    base = hostname if "://" in hostname else f"https://{hostname}"
    return base.rstrip("/") + path
