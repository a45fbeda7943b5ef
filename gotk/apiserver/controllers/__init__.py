"""What every cluster does by itself, done inside this process: each controller follows the store's events.

Answers to the parts of kube-controller-manager that the API's own promises rest on: owners, namespaces, definitions,
service accounts, the life time of events. Workloads are not among them: nothing runs here.
"""
