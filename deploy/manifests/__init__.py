"""The kit that installs the service on a cluster: a kustomize base, overlays for each way to run it, and components.

`kubectl apply -k` takes them from a checkout; `image-automation install --export` prints an overlay as a whole. The
Helm chart beside them renders the same objects, which a test compares.
"""
