"""What goes over the wire: paths, options, selectors, bodies, tables, discovery and OpenAPI.

Answers to `k8s.io/apimachinery/pkg/runtime/serializer`, `k8s.io/apiserver/pkg/endpoints` and `pkg/printers`.
"""
