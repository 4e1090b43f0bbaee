"""Stands in for a Kubernetes API server, so that kubectl can be tried where there is no cluster: api_server.py PORT.

It keeps objects in memory, refuses what the newest schemas don't allow, and applies patches as the real one does, as far as
our manifests need it. What controllers do is played: a Deployment is rolled out at once, or, if its image's tag begins with
`broken`, never; a Job can't be changed.
"""

import copy
import json
import re
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from validate import check, newest

VERSION = newest()[-1]
# Group and version, plural, kind; only Namespace is in no namespace.
KINDS = [
    ("v1", "namespaces", "Namespace"),
    ("v1", "configmaps", "ConfigMap"),
    ("v1", "secrets", "Secret"),
    ("v1", "services", "Service"),
    ("v1", "serviceaccounts", "ServiceAccount"),
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "replicasets", "ReplicaSet"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("batch/v1", "jobs", "Job"),
    ("monitoring.coreos.com/v1", "servicemonitors", "ServiceMonitor"),
    ("networking.k8s.io/v1", "ingresses", "Ingress"),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("postgresql.cnpg.io/v1", "clusters", "Cluster"),
]
# By what the elements of a list are told apart in a strategic merge; all other lists are replaced.
KEYS = {"containers": "name", "env": "name", "volumes": "name", "ports": "containerPort", "volumeMounts": "mountPath"}
REVISION = "deployment.kubernetes.io/revision"

objects = {}
lock = threading.RLock()
versions = iter(range(1, sys.maxsize))


def prefix(version):
    """Where a version's objects are."""
    return "/api/v1" if version == "v1" else f"/apis/{version}"


class Refused(Exception):
    """What is answered instead."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason


def merged(old, patch, strategic):
    """`old` after a merge patch (RFC 7396), or a strategic one."""
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    result = dict(old)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif strategic and isinstance(value, list) and key in KEYS and isinstance(result.get(key), list):
            result[key] = merged_list(result[key], value, KEYS[key])
        else:
            result[key] = merged(result.get(key, {} if isinstance(value, dict) else None), value, strategic)
    return result


def merged_list(old, patch, key):
    """The elements of `old`, those in `patch` merged into them or added."""
    result = {element.get(key): element for element in old}
    for element in patch:
        name = element.get(key)
        if element.get("$patch") == "delete":
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name, {}), element, True)
    return list(result.values())


def json_patched(old, operations):
    """`old` after a JSON patch (RFC 6902)."""
    for operation in operations:
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        place = old
        for step in way:
            place = place[step]
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return old


def image_tag(template):
    """Of the first container."""
    return template["spec"]["containers"][0]["image"].rpartition(":")[2]


def play(path, item):
    """What the controllers would do with a Deployment or StatefulSet that was changed."""
    generation = item["metadata"].get("generation", 0) + 1
    item["metadata"]["generation"] = generation
    status = {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    item["spec"].setdefault("replicas", 1)
    item["status"] = status | {"availableReplicas": 1, "currentRevision": "1", "updateRevision": "1"}
    if item["kind"] != "Deployment":
        return
    if image_tag(item["spec"]["template"]).startswith("broken"):
        item["status"] |= {"updatedReplicas": 1, "replicas": 2, "availableReplicas": 1}
        item["status"]["conditions"] = [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ]
    sets = path.replace("/deployments/", "/replicasets/")
    mine = [one for name, one in objects.items() if name.startswith(sets + "-")]
    same = [one for one in mine if one["spec"]["template"] == item["spec"]["template"]]
    revision = str(1 + max((int(one["metadata"]["annotations"][REVISION]) for one in mine), default=0))
    if same and same[0]["metadata"]["annotations"][REVISION] == str(int(revision) - 1):
        revision = str(int(revision) - 1)
    item["metadata"].setdefault("annotations", {})[REVISION] = revision
    name = same[0]["metadata"]["name"] if same else f"{item['metadata']['name']}-{revision}"
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": item["metadata"]["name"], "controller": True}
    objects[sets.rpartition("/")[0] + "/" + name] = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": item["metadata"]["namespace"],
            "uid": name,
            "labels": item["spec"]["template"]["metadata"]["labels"],
            "annotations": {REVISION: revision},
            "ownerReferences": [owner | {"uid": item["metadata"]["uid"]}],
        },
        "spec": {
            "replicas": 1,
            "selector": item["spec"]["selector"],
            "template": copy.deepcopy(item["spec"]["template"]),
        },
    }


def stored(path, item, dry):
    """Checks and keeps an object."""
    old = objects.get(path)
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    if namespace and f"/api/v1/namespaces/{namespace}" not in objects:
        raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')
    plain = {key: value for key, value in item.items() if key != "status"}
    plain["metadata"] = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    try:
        check(plain, VERSION)
    except Exception as error:  # pylint: disable=broad-except
        raise Refused(422, "Invalid", f"{item['kind']} {metadata['name']}: {error}") from error
    if old and item["kind"] == "Job" and old["spec"]["template"] != item["spec"]["template"]:
        raise Refused(422, "Invalid", f'Job.batch "{metadata["name"]}" is invalid: spec.template: field is immutable')
    if old == item:
        return old
    item = copy.deepcopy(item)
    item["metadata"].setdefault("uid", str(uuid.uuid4()))
    item["metadata"]["resourceVersion"] = str(next(versions))
    if not dry:
        if item["kind"] in ("Deployment", "StatefulSet"):
            play(path, item)
        objects[path] = item
    return item


class Handler(BaseHTTPRequestHandler):
    """Answers kubectl."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing: kubectl tells enough."""

    def answer(self, code, value):
        """Sends JSON."""
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_method(self):
        """All requests."""
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.command == "GET" and query.get("watch") in ("true", "1"):
                self.watch(url.path, query)
                return
            with lock:
                code, value = self.decide(url.path, query, body)
            self.answer(code, value)
        except Refused as refused:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refused.code}
            self.answer(refused.code, status | {"reason": refused.reason, "message": str(refused)})

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_method

    def decide(self, path, query, body):
        """The answer to a request that is not a watch."""
        dry = query.get("dryRun") == "All"
        if self.command == "GET":
            return 200, objects.get(path) or discovery(path) or listed(path, query)
        if self.command == "POST":
            item = json.loads(body)
            path = f"{path}/{item['metadata']['name']}"
            if path in objects:
                raise Refused(409, "AlreadyExists", f"{path} already exists")
            return 201, stored(path, item, dry)
        if path not in objects:
            raise Refused(404, "NotFound", f"{path} not found")
        if self.command == "DELETE":
            gone = objects[path] if dry else objects.pop(path)
            return 200, gone
        old, patch = copy.deepcopy(objects[path]), json.loads(body)
        kind = self.headers["Content-Type"]
        if "json-patch" in kind:
            return 200, stored(path, json_patched(old, patch), dry)
        return 200, stored(path, merged(old, patch, "strategic" in kind), dry)

    def watch(self, path, query):
        """Tells the state, then holds on as long as is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with lock:
            found = listed(path, query)
        events = [{"type": "ADDED", "object": item} for item in found["items"]]
        if query.get("sendInitialEvents") == "true":
            metadata = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
            end = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List"), "metadata": metadata}
            events.append({"type": "BOOKMARK", "object": end})
        for event in events:
            self.wfile.write(json.dumps(event).encode() + b"\n")
        self.wfile.flush()
        time.sleep(min(float(query.get("timeoutSeconds", 5)), 5))


def listed(path, query):
    """The objects below a path, or all of a kind, that have these labels and this name."""
    found = re.fullmatch(r"(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([a-z]+)", path)
    kind = found and next(
        (kind for version, plural, kind in KINDS if prefix(version) == found[1] and plural == found[3]), None
    )
    if not kind:
        raise Refused(404, "NotFound", f"{path} not found")
    wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if "=" in pair)
    name = query.get("fieldSelector", "").partition("metadata.name=")[2]
    items = [
        item
        for item in objects.values()
        if item["kind"] == kind
        and (not found[2] or item["metadata"].get("namespace") == found[2])
        and wanted.items() <= item["metadata"].get("labels", {}).items()
        and name in ("", item["metadata"]["name"])
    ]
    version = found[1].removeprefix("/apis/").removeprefix("/api/")
    return {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": "1"}, "items": items}


def discovery(path):
    """What the server knows, or nothing if that was not asked."""
    groups = sorted({version for version, _, _ in KINDS if "/" in version})
    named = [
        {"name": each.split("/")[0], "versions": [{"groupVersion": each, "version": each.split("/")[1]}]}
        for each in groups
    ]
    if path == "/version":
        return {"major": VERSION.split(".")[0], "minor": VERSION.split(".")[1], "gitVersion": f"v{VERSION}.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": named}
    if path == "/openapi/v3":
        places = {prefix(version)[1:]: "/openapi/v3" + prefix(version) for version in ["v1", *groups]}
        return {"paths": {name: {"serverRelativeURL": place} for name, place in places.items()}}
    for version in ["v1", *groups]:
        if path == prefix(version):
            verbs = ["create", "delete", "get", "list", "patch", "watch"]
            resources = [
                {"name": plural, "kind": kind, "namespaced": kind != "Namespace", "singularName": kind.lower(), "verbs": verbs}
                for each, plural, kind in KINDS
                if each == version
            ]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
        if path == "/openapi/v3" + prefix(version):
            return openapi(version)
    return None


def openapi(version):
    """As much of a document as tells kubectl that fields are validated here."""
    group, _, name = version.rpartition("/")
    paths = {
        f"{prefix(version)}/{plural}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}, {"name": "dryRun", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": group, "version": name, "kind": kind},
            }
        }
        for each, plural, kind in KINDS
        if each == version
    }
    return {"openapi": "3.0.0", "info": {"title": "stand-in", "version": VERSION}, "paths": paths}


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
