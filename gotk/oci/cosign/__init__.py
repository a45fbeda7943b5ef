"""Signatures of artifacts, as cosign makes them: where a registry holds them, what they say, who made them."""
