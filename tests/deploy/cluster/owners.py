"""An owner for the tests of this room: a Kind that exists nowhere else."""

from deploy.cluster.owner import Owner

APP = Owner(
    field="app-controller", group="app.example.com", name="app", namespace="default", namespace_advice="set a namespace"
)
