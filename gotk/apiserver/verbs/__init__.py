"""What can be done with objects, one verb per file.

Answers to `k8s.io/apiserver/pkg/endpoints/handlers` and to the REST storage of subresources and reviews.
"""
