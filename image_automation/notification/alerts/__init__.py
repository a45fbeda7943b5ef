"""From an event to its deliveries: counted once, matched, grouped, queued by Provider."""
