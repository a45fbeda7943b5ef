"""What goes wrong on the way to a cloud's token."""


class CloudError(Exception):
    """No token: the message names the endpoint or the setting and never holds a token or key."""


class NotHere(CloudError):
    """This source of credentials is not set up on this machine; the next one in the chain may be."""


class NotFound(CloudError):
    """The service has no such thing."""


class GateDisabled(CloudError):
    """A feature gate forbids what the spec wants."""
