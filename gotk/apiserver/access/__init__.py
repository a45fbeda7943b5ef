"""Who asks and what they may do: credentials, certificates, roles, impersonation.

Answers to `k8s.io/apiserver/pkg/authentication` and `pkg/authorization`, and to the RBAC plugin of kube-apiserver.
"""
