"""The senders of calls, one verifier each: headers, body and secret in, accepted or refused with a reason out.

Answers to the receiver types of notification-controller. Verifiers are pure; what needs the network (an issuer's
keys) is done before and handed in as claims.
"""

from collections.abc import Callable, Mapping

from image_automation.notification.receivers import additions, cdevents, gcr, generic, github, gitlab, registries
from image_automation.notification.receivers.call import Accepted, Call

Verifier = Callable[[Call], Accepted]

#: The verifiers by the receiver's type.
VERIFIERS: Mapping[str, Verifier] = {
    "generic": generic.verify,
    "generic-hmac": generic.verify_hmac,
    "generic-oidc": generic.verify,
    "github": github.github,
    "gitlab": gitlab.verify,
    "bitbucket": github.bitbucket,
    "harbor": registries.harbor,
    "dockerhub": registries.dockerhub,
    "quay": registries.quay,
    "gcr": gcr.verify,
    "nexus": registries.nexus,
    "acr": registries.acr,
    "cdevents": cdevents.verify,
    "artifactory": additions.artifactory,
    "distribution": additions.distribution,
}
#: The types whose calls carry a token that an issuer signed.
TOKENS = frozenset({"generic-oidc", "gcr"})
