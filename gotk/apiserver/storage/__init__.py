"""Where objects live, and who is told of their changes: a file, its copy in memory, the watch history.

Answers to etcd and to `k8s.io/apiserver/pkg/storage/cacher`.
"""
