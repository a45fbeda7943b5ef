"""The embedded control plane: a small, persistent Kubernetes API server for machines without a cluster.

This is its front door: whoever is outside takes these names and no others. They are imported when first asked for, so
that looking after a data directory costs no web server. A request walks `handler` (who asks, what is meant), `verbs`,
`writer` (with `admission`, `deletion`, `metadata`) and `storage`; a refusal comes back as a `status`. The rooms, from
the lowest up, answer to these parts of Kubernetes:

* `schema`: apiextensions-apiserver's structural schemas, and the validation of kube-openapi;
* `storage`: etcd, and the API server's watch cache;
* `resources`: the registry of served kinds; `builtin`: `pkg/apis`, the rules of the kinds that are always there;
* `wire`: API machinery's paths, options, selectors, encodings, tables and discovery;
* `apply`: structured-merge-diff and strategicpatch; `access`: authentication, authorization, certificates;
* `verbs`: the endpoint handlers; `controllers` and `simulator`: kube-controller-manager, the latter without containers.

It imports nothing of the project but `gotk.nesting`, `gotk.duration`, `gotk.selectors` and `gotk.sqlite`, which stand
on nothing (the contract "The control plane stands alone"), so it can be lifted out whole.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gotk.apiserver.access.authorization import ALWAYS_ALLOW
    from gotk.apiserver.server import Clock, ControlPlane, MachineClock
    from gotk.apiserver.simulator.simulator import READY_AFTER
    from gotk.apiserver.storage import backup
    from gotk.apiserver.storage.database import StoreError

__all__ = ["ALWAYS_ALLOW", "READY_AFTER", "Clock", "ControlPlane", "MachineClock", "StoreError", "backup"]

_PLACES = {
    "ALWAYS_ALLOW": "access.authorization",
    "Clock": "server",
    "ControlPlane": "server",
    "MachineClock": "server",
    "READY_AFTER": "simulator.simulator",
    "StoreError": "storage.database",
}

if not TYPE_CHECKING:  # for type checkers the names are above, and a wrong one is an error

    def __getattr__(name: str) -> Any:
        """Import a name of the front door."""
        if name == "backup":
            return importlib.import_module("gotk.apiserver.storage.backup")
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
