"""The document beside this file, served by Python's connexion with the answers of examples/echo.rs."""

from pathlib import Path

from connexion import AsyncApp
from connexion.resolver import Resolver


def echo(operation, path=(), query=None, body=None):
    return {
        "operationId": operation,
        "path": dict(path),
        "query": query or {},
        "header": {},
        "cookie": {},
        "body": body,
    }


async def search(shelf, **query):
    return echo("search", path={"shelf": shelf}, query=query)


async def add(body):
    return echo("add", body=body)


app = AsyncApp(__name__, specification_dir=Path(__file__).parent)
app.add_api(
    "openapi.yaml",
    resolver=Resolver({"search": search, "add": add}.__getitem__),
    strict_validation=True,
)
