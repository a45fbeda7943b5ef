"""What the objects of a kind may hold, as their schema says it: types, defaults, pruning, validation, CEL rules. Pure.

Answers to `apiextensions-apiserver/pkg/apiserver/schema` and `validation`, and to kube-openapi's validator.
"""
