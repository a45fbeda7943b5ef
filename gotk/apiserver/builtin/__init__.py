"""The kinds that are always there: their names, schemas, defaults, and the rules that no schema can say.

Answers to `pkg/apis` of Kubernetes: `types.go` as packaged definitions, `defaults.go`, `validation.go`.
"""
