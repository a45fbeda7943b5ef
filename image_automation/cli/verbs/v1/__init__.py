"""`v1`: the verbs of fluxctl, for articles about the first Flux."""
