"""The rewriter: markers, spans and new values as pure functions over bytes."""
