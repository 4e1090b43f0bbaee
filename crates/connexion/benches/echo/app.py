"""The document beside this file, served by Python's connexion with the answers of examples/echo.rs."""

from pathlib import Path

from connexion import AsyncApp, FlaskApp
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


def search(shelf, **query):
    return echo("search", path={"shelf": shelf}, query=query)


def add(body):
    return echo("add", body=body)


# AsyncApp calls plain functions on threads, which would slow it down.
async def search_async(shelf, **query):
    return search(shelf, **query)


async def add_async(body):
    return add(body)


def served_by(kind, handlers):
    app = kind(__name__, specification_dir=Path(__file__).parent)
    app.add_api("openapi.yaml", resolver=Resolver(handlers.__getitem__), strict_validation=True)
    return app


flask = served_by(FlaskApp, {"search": search, "add": add})
starlette = served_by(AsyncApp, {"search": search_async, "add": add_async})
