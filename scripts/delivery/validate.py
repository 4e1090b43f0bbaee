"""Validates rendered manifests strictly against the schemas of the two newest Kubernetes versions: validate.py FILE...

An object that no schema is known for is a fault. Those of operators are known by the fields that we use, below.
"""

import sys

import jsonschema
import kubernetes_validate
import yaml

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
WORDS = {"type": "object", "additionalProperties": TEXT}


def fields(required=(), **properties):
    """An object with these fields, and no other."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def custom(version, kind, spec):
    """An object of an operator."""
    metadata = fields(["name", "namespace"], name=TEXT, namespace=TEXT, labels=WORDS)
    names = {"apiVersion": {"const": version}, "kind": {"const": kind}}
    return fields(["apiVersion", "kind", "metadata", "spec"], **names, metadata=metadata, spec=spec)


RESOURCES = fields(["requests"], requests=WORDS, limits=WORDS)
CUSTOM = {
    "Cluster": custom(
        "postgresql.cnpg.io/v1",
        "Cluster",
        fields(
            ["instances", "storage"],
            instances=NUMBER,
            postgresql=fields(
                synchronous=fields(["method", "number"], method={"enum": ["any", "first"]}, number=NUMBER),
            ),
            backup=fields(
                volumeSnapshot=fields(["className"], className=TEXT, online={"type": "boolean"}),
            ),
            bootstrap=fields(initdb=fields(["database", "owner"], database=TEXT, owner=TEXT)),
            affinity=fields(topologyKey=TEXT),
            storage=fields(["size"], size=TEXT),
            resources=RESOURCES,
        ),
    ),
    "ScheduledBackup": custom(
        "postgresql.cnpg.io/v1",
        "ScheduledBackup",
        fields(
            ["schedule", "cluster", "method"],
            schedule=TEXT,
            cluster=fields(["name"], name=TEXT),
            method={"enum": ["barmanObjectStore", "plugin", "volumeSnapshot"]},
            target={"enum": ["primary", "prefer-standby"]},
            backupOwnerReference={"enum": ["none", "self", "cluster"]},
        ),
    ),
    "ServiceMonitor": custom(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        fields(
            ["selector", "endpoints"],
            selector=fields(matchLabels=WORDS),
            endpoints={"type": "array", "items": fields(["port"], port=TEXT, interval=TEXT)},
        ),
    ),
}


def newest():
    """The two newest versions that there are schemas of."""
    versions = kubernetes_validate.latest_version()
    major, minor = versions.split(".")[:2]
    return [f"{major}.{int(minor) - 1}", f"{major}.{minor}"]


def check(document, version):
    """Raises if the object is wrong, or nobody knows what is right."""
    if document["kind"] in CUSTOM:
        jsonschema.validate(document, CUSTOM[document["kind"]])
    else:
        kubernetes_validate.validate(document, version, strict=True)


def selects(selector, labels):
    """Whether a selector is for pods with these labels."""
    return selector.get("matchLabels", {}).items() <= labels.items()


def unreachable(documents):
    """What the policies of one namespace keep from one another, though one side allows it; what selects no pod."""
    pods = [doc["spec"]["template"]["metadata"]["labels"] for doc in documents if "template" in doc.get("spec", {})]
    jobs = [doc["spec"]["jobTemplate"]["spec"] for doc in documents if doc["kind"] == "CronJob"]
    pods += [job["template"]["metadata"]["labels"] for job in jobs]
    pods += [{"cnpg.io/cluster": doc["metadata"]["name"]} for doc in documents if doc["kind"] == "Cluster"]
    policies = [doc["spec"] for doc in documents if doc["kind"] == "NetworkPolicy"]
    for doc in documents:
        selector = doc.get("spec", {}).get("selector") or doc.get("spec", {}).get("podSelector")
        if selector and doc["kind"] != "ServiceMonitor":
            labels = selector.get("matchLabels", selector)
            if not any(selects({"matchLabels": labels}, pod) for pod in pods):
                yield f"{doc['kind']} {doc['metadata']['name']} selects no pod"
    for policy in policies:
        for rule in policy.get("egress", []):
            for peer in rule["to"]:
                targets = [pod for pod in pods if "namespaceSelector" not in peer and selects(peer["podSelector"], pod)]
                if not targets and "namespaceSelector" not in peer:
                    yield f"nothing has the labels {peer['podSelector']}, where requests may go"
                for target in targets:
                    closed = [other for other in policies if selects(other["podSelector"], target)]
                    froms = [one for other in closed for rule in other.get("ingress", []) for one in rule["from"]]
                    mine = policy["podSelector"]["matchLabels"]
                    if closed and not any(selects(one.get("podSelector", {}), mine) for one in froms):
                        yield f"{mine} may send to {target}, which may not take it"


def main():
    """Tells each fault."""
    faults, objects = 0, 0
    versions = newest()
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            documents = [document for document in yaml.safe_load_all(file) if document]
        for fault in unreachable(documents):
            faults += 1
            print(f"{path}: {fault}", file=sys.stderr)
        for document in documents:
            for version in versions:
                objects += 1
                try:
                    check(document, version)
                except Exception as error:  # pylint: disable=broad-except
                    faults += 1
                    name = f"{document['kind']} {document['metadata']['name']}"
                    print(f"{path}: {name}, Kubernetes {version}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"{objects} objects are valid in Kubernetes {' and '.join(versions)}" if not faults else f"{faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
