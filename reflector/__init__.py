"""From the registry to tags: scans image repositories and keeps what they found."""
