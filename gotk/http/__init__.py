"""The one guarded HTTP client: sessions, egress rules, bounded bodies, limits per host, TLS, proxies."""
