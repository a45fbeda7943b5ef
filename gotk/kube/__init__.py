"""The Kubernetes API as a client sees it: configuration, requests, the watch cache, server-side apply, errors."""
