"""Flags that flux has and that are not here: what to say or do instead.

Answers to the global flags of `flux2/cmd/flux/main.go`, most of which are those of kubectl's `genericclioptions`, and
to those of `bootstrap` and `install`.
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
    "--gpg-key-id": "put the key that signs alone into the file of --gpg-key-ring",
    "--ssh-hostkey-algos": "every host key that the server offers is read: leave it out",
    **dict.fromkeys(("--version", "-v"), "the kit is that of this program: use the program of that version"),
    "--debug": "what is done is printed as it is: leave it out",
    "--poll-interval": "what is there is looked at once: leave it out",
    "--components": "everything that is installed is looked at: leave it out",
    "--components-extra": "every component is there: leave it out",
    "--with-credentials": "such an object has no Secret of its own: leave it out",
    "--fetch-timeout": "a chart is fetched by its source: leave it out",
    "--registry-creds": "make a Secret with create secret oci, and name it with --image-pull-secret",
    "--manifests": "the kit lies in the program: leave it out",
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
