"""Which ConfigMaps and Secrets wake what reads them."""

from deploy.cluster import configs
from gotk.api.core import ConfigMap
from gotk.api.meta import ObjectMeta


def config(version: str, **labels: str) -> ConfigMap:
    metadata = ObjectMeta(name="values", namespace="apps", resource_version=version, labels=labels)
    return ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata)


def test_objects_with_the_label_wake_and_no_others() -> None:
    changed = configs.marked(configs.changed, "wakes=yes")
    assert changed(None, config("1", wakes="yes"))
    assert changed(config("1", wakes="yes"), config("2", wakes="yes"))
    assert changed(config("1", wakes="yes"), config("2")), "it has lost its label"
    assert changed(config("1", wakes="yes"), None)
    assert not changed(config("1", wakes="yes"), config("1", wakes="yes"))
    assert not changed(None, config("1"))
    assert not changed(config("1"), config("2", wakes="no"))
