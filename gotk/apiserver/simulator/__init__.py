"""Workloads that seem to run: Deployments roll out, Jobs complete, claims are bound; no container is ever started.

Answers to the workload controllers of kube-controller-manager and to a kubelet's status reports, as far as health
checks, `helm --wait`, `kubectl rollout` and dashboards look. Each kind has a file with its rules;
`simulator.py` says when they are asked, `fate.py` how an object is told to fail.
"""
