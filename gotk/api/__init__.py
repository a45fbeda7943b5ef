"""Frozen structs of the API objects, one file per API group, and the scheme that joins kinds and structs.

No behaviour lives here. Fields, defaults and patterns are those of the custom resource definitions in
`deploy/crds`; a test holds the two against each other.
"""
