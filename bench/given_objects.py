"""What a tag needs on its way through a cluster that is given: a repository, and objects as Flux's users write them."""

from collections.abc import Iterator
from string import Template
from typing import Any

import yaml

NAMESPACE = "push-bench"
IMAGE, SOURCE = "image.toolkit.fluxcd.io/v1", "source.toolkit.fluxcd.io/v1"
KUSTOMIZE, HELM = "kustomize.toolkit.fluxcd.io/v1", "helm.toolkit.fluxcd.io/v2"
NOTIFICATION = "notification.toolkit.fluxcd.io/v1"
REPOSITORY = "bench/web"
FIRST = "1.0.0"

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: push-bench}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: $image
"""
_CHART = """
apiVersion: v2
name: web
version: 1.0.0
"""
_RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: push-bench}
spec:
  interval: 1h
  releaseName: web
  install: {disableWait: true}
  upgrade: {disableWait: true}
  chart:
    spec:
      chart: ./charts/web
      sourceRef: {kind: GitRepository, name: apps}
  values:
    image:
      repository: $registry/bench/web # {"$$imagepolicy": "push-bench:web:name"}
      tag: 1.0.0 # {"$$imagepolicy": "push-bench:web:tag"}
"""
_OBJECTS = """
apiVersion: v1
kind: Secret
metadata: {name: git}
stringData: {username: bench, password: $secret}
---
apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {token: $secret}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web}
spec: {image: $registry/bench/web, interval: $interval, insecure: true}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: apps}
spec: {url: $git, interval: $interval, ref: {branch: main}, secretRef: {name: git}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: apps}
spec:
  interval: 1h
  sourceRef: {kind: GitRepository, name: apps}
  git:
    commit: {author: {name: bench, email: bench@example.com}}
    push: {branch: main}
  update: {path: ./apps}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps}
spec: {interval: 1h, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: apps}}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: image}
spec: {type: generic, secretRef: {name: hook}, resources: [{kind: ImageRepository, name: web}]}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: git}
spec: {type: generic, secretRef: {name: hook}, resources: [{kind: GitRepository, name: apps}]}
"""

Json = dict[str, Any]


def files(registry: str, *, helm: bool) -> dict[str, str]:
    """Return the files of the repository."""
    if not helm:
        marked = f'"{registry}/{REPOSITORY}:{FIRST}" # {{"$imagepolicy": "{NAMESPACE}:web"}}'
        return {"apps/web.yaml": Template(_DEPLOYMENT).substitute(image=marked)}
    rendered = Template(_DEPLOYMENT).substitute(image='"{{ .Values.image.repository }}:{{ .Values.image.tag }}"')
    return {
        "apps/web.yaml": Template(_RELEASE).substitute(registry=registry),
        "charts/web/Chart.yaml": _CHART,
        "charts/web/values.yaml": 'image: {repository: "", tag: ""}\n',
        "charts/web/templates/deployment.yaml": rendered,
    }


def objects(*, registry: str, git: str, interval: str, secret: str) -> Iterator[Json]:
    """Yield the objects; images and the repository are looked at each `interval`."""
    text = Template(_OBJECTS).substitute(registry=registry, git=git, interval=interval, secret=secret)
    for obj in yaml.safe_load_all(text):
        obj["metadata"]["namespace"] = NAMESPACE
        yield obj
