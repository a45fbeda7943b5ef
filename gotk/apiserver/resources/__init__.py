"""Which kinds are served: the record that says all about one, and definitions that bring and take kinds away.

Answers to apiextensions-apiserver, and to the REST storage tables of kube-apiserver as a registry of records.
"""
