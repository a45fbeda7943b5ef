"""Flags that flux has on every command and that are not here: what to say or do instead.

Answers to the global flags of `flux2/cmd/flux/main.go`, most of which are those of kubectl's `genericclioptions`.
"""

from collections.abc import Mapping

_IN_KUBECONFIG = "it belongs into a kubeconfig, which --kubeconfig and --context name"
_UNLIMITED = "what a command asks of the API is not limited here: leave it out"

_ADVICE: Mapping[str, str] = {
    "--verbose": "progress goes to stderr as it is: leave it out",
    "--ns-follows-kube-context": "name the namespace with -n or $FLUX_SYSTEM_NAMESPACE",
    "--cache-dir": "nothing is cached on disk: leave it out",
    "--kube-api-qps": _UNLIMITED,
    "--kube-api-burst": _UNLIMITED,
    "--as": "use a kubeconfig whose user is that one",
    "--as-group": "use a kubeconfig whose user is in that group",
    "--as-uid": "use a kubeconfig whose user is that one",
    **dict.fromkeys(
        (
            *("--cluster", "--user", "--server", "--token", "--certificate-authority", "--client-certificate"),
            *("--client-key", "--insecure-skip-tls-verify", "--tls-server-name", "--disable-compression"),
        ),
        _IN_KUBECONFIG,
    ),
}


def instead_of(flag: str) -> str:
    """Return what to do instead of a flag of flux's; empty for any other."""
    return _ADVICE.get(flag, "")
