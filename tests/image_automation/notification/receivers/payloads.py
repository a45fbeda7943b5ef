"""What senders really send: bodies in the shape of each sender's documentation, with names of ours."""

from typing import Any

_DIGEST = "sha256:" + "ab" * 32

GHCR: dict[str, Any] = {
    "action": "published",
    "package": {
        "id": 1234, "name": "web", "namespace": "Team", "description": "", "ecosystem": "CONTAINER",
        "package_type": "CONTAINER", "html_url": "https://github.com/team/web/pkgs/container/web",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "owner": {"login": "Team", "id": 1, "type": "Organization"},
        "package_version": {
            "id": 5678, "version": _DIGEST, "name": _DIGEST, "description": "", "manifest": "", "metadata": [],
            "html_url": "https://github.com/orgs/team/packages/container/web/5678", "package_files": [],
            "container_metadata": {
                "tag": {"name": "1.0.1", "digest": _DIGEST}, "labels": {}, "manifest": {"digest": _DIGEST},
            },
            "installation_command": "docker pull ghcr.io/team/web:1.0.1", "package_url": "ghcr.io/team/web:1.0.1",
        },
        "registry": {"name": "GitHub CONTAINER Registry", "type": "CONTAINER", "url": "https://ghcr.io/team/web"},
    },
    "organization": {"login": "Team"}, "repository": {"full_name": "Team/web"}, "sender": {"login": "octocat"},
}  # fmt: skip
GHCR_OLDER = {"action": "published", "registry_package": GHCR["package"]}
GITEA_PACKAGE = {
    "action": "created", "repository": None,
    "package": {"id": 1, "name": "web", "version": "1.0.1", "type": "container", "owner": {"login": "team"}},
}  # fmt: skip
GITLAB = {
    "object_kind": "push", "event_name": "push", "before": "95790bf891e7", "after": "da1560886d4f",
    "ref": "refs/heads/master", "checkout_sha": "da1560886d4f", "user_username": "jsmith", "project_id": 15,
    "project": {"id": 15, "name": "Web", "path_with_namespace": "team/web"}, "commits": [], "total_commits_count": 0,
}  # fmt: skip
BITBUCKET = {
    "push": {"changes": [{"new": {"type": "branch", "name": "main", "target": {"hash": "da1560886d4f"}}}]},
    "actor": {"nickname": "emma"}, "repository": {"full_name": "team/web"},
}  # fmt: skip
_HARBOR_DATA = {
    "resources": [{"digest": _DIGEST, "tag": "1.0.1", "resource_url": "evil.test/team/web:1.0.1"}],
    "repository": {"date_created": 1586922308, "name": "web", "namespace": "team", "repo_full_name": "team/web",
                   "repo_type": "private"},
}  # fmt: skip
HARBOR = {"type": "PUSH_ARTIFACT", "occur_at": 1586922308, "operator": "admin", "event_data": _HARBOR_DATA}
HARBOR_CLOUD_EVENT = {
    "specversion": "1.0", "id": "4b2f89a6-548d-4c12-9993-a1f5790b97d2", "source": "/projects/1/webhook/policies/15",
    "type": "harbor.artifact.pushed", "datacontenttype": "application/json", "time": "2026-01-01T06:41:43Z",
    "data": _HARBOR_DATA, "operator": "robot$library+scanner-8ec3b47a",
}  # fmt: skip
DOCKERHUB = {
    "callback_url": "https://registry.hub.docker.com/u/team/web/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
    "push_data": {"pushed_at": 1417566161, "pusher": "trustedbuilder", "tag": "1.0.1", "images": [], "media_type": ""},
    "repository": {"comment_count": 0, "date_created": 1417494799, "is_official": False, "is_private": True,
                   "is_trusted": True, "name": "web", "namespace": "team", "owner": "team", "repo_name": "team/web",
                   "repo_url": "https://registry.hub.docker.com/u/team/web/", "star_count": 0, "status": "Active"},
}  # fmt: skip
QUAY = {
    "name": "web", "repository": "team/web", "namespace": "team", "docker_url": "quay.io/team/web",
    "homepage": "https://quay.io/repository/team/web", "updated_tags": ["1.0.1"],
}  # fmt: skip
ACR = {
    "id": "cb8c3971-9adc-488b-xxxx-43cbb4974ff5", "timestamp": "2017-11-17T16:52:01.343145347Z", "action": "push",
    "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 524, "digest": _DIGEST,
               "length": 524, "repository": "team/web", "tag": "1.0.1"},
    "request": {"id": "3cbb6949-7549-4fa1-xxxx-a6d5451dffc7", "host": "evil.test", "method": "PUT",
                "useragent": "docker/17.09.0-ce go/go1.8.3 git-commit/afdb6d4 kernel/4.10.0-27-generic"},
}  # fmt: skip
ACR_CHART = ACR | {
    "action": "chart_push",
    "target": {"mediaType": "application/vnd.acr.helm.chart", "size": 25265, "digest": _DIGEST,
               "repository": "repository", "tag": "wordpress-5.4.0.tgz", "name": "wordpress", "version": "5.4.0.tgz"},
}  # fmt: skip
ARTIFACTORY = {
    "domain": "docker", "event_type": "pushed",
    "data": {"repo_key": "docker-local", "path": "team/web/1.0.1/manifest.json", "name": "manifest.json",
             "sha256": "ab" * 32, "size": 953, "image_name": "team/web", "tag": "1.0.1",
             "platforms": [], "event_type": "pushed"},
    "subscription_key": "test", "jpd_origin": "https://evil.test", "source": "jfrog/admin",
}  # fmt: skip
DISTRIBUTION = {
    "events": [
        {"id": "320678d8-ca14-430f-8bb6-4ca139cd83f7", "timestamp": "2016-03-09T14:44:26.402973972-08:00",
         "action": "push",
         "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 708,
                    "digest": _DIGEST, "length": 708, "repository": "team/web", "tag": "1.0.1",
                    "url": "http://evil.test/v2/team/web/manifests/sha256:ab"},
         "request": {"id": "6df24a34", "addr": "192.168.64.11:42961", "host": "evil.test", "method": "PUT"},
         "actor": {}, "source": {"addr": "xtal.local:5000", "instanceID": "a53db899"}},
        {"id": "320678d8-ca14-430f-8bb6-4ca139cd83f8", "timestamp": "2016-03-09T14:44:27-08:00", "action": "pull",
         "target": {"repository": "team/web", "tag": "0.1.0"}},
    ]
}  # fmt: skip
NEXUS = {
    "timestamp": "2016-11-10T23:57:49.664+0000", "nodeId": "52905B51-085CCABB-CEBBEAAD", "initiator": "anonymous",
    "repositoryName": "docker", "action": "CREATED",
    "component": {"id": "08909bf0", "componentId": "ZG9ja2Vy", "format": "docker", "name": "team/web",
                  "group": "", "version": "1.0.1"},
}  # fmt: skip
NEXUS_ASSET = {
    "timestamp": "2016-11-10T23:57:49.664+0000", "nodeId": "52905B51-085CCABB-CEBBEAAD", "initiator": "admin/127.0.0.1",
    "repositoryName": "docker", "action": "UPDATED",
    "asset": {"id": "31c950c8", "assetId": "ZG9ja2Vy", "format": "docker", "name": "v2/team/web/manifests/1.0.1"},
}  # fmt: skip
CDEVENT: dict[str, Any] = {
    "context": {"version": "0.4.1", "id": "271069a8-fc18-44f1-b38f-9d70a1695819", "source": "/event/source/123",
                "type": "dev.cdevents.artifact.published.0.2.0", "timestamp": "2023-03-20T14:27:05.315384Z"},
    "subject": {"id": "pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c", "source": "/event/source/123",
                "type": "artifact", "content": {"user": "mybot-myapp"}},
}  # fmt: skip
GCR_INNER = {"action": "INSERT", "digest": f"gcr.io/team/web@{_DIGEST}", "tag": "gcr.io/team/web:1.0.1"}


def gcr(data: str, number: int = 136969346945) -> dict[str, Any]:
    """Return a push of Pub/Sub with this in it, in base64."""
    return {
        "message": {"data": data, "attributes": {}, "messageId": str(number), "message_id": str(number),
                    "publishTime": "2026-01-01T00:00:00.123Z"},
        "subscription": "projects/myproject/subscriptions/mysubscription",
    }  # fmt: skip
