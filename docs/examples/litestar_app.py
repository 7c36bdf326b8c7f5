"""CSV imports as a part of a Litestar application: `uvicorn litestar_app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, asgi, get
from litestar.types import Receive, Scope, Send
from people import import_people

import csvpipe
from csvpipe.web import bearer, create_app

pool = csvpipe.WorkerPool(pipelines=[import_people], on_exit="stop")
door = create_app(pool, authenticate=bearer({"token-of-ana": "ana", "token-of-bob": "bob"}))


@asynccontextmanager
async def lifespan(_app: Litestar) -> AsyncIterator[None]:
    """The application's own, in which the pool is entered."""
    async with pool:
        yield


@asgi("/imports", is_mount=True, copy_scope=True)
async def imports(scope: Scope, receive: Receive, send: Send) -> None:
    """Pass on; `root_path` tells the door where it is, for its OpenAPI document."""
    mounted = {**scope, "root_path": "/imports"}
    await door(mounted, receive, send)


@get("/")
async def home() -> dict[str, int]:
    """The application may use the pool as well."""
    return {"running_jobs": pool.statistics().running_jobs}


app = Litestar([home, imports], lifespan=[lifespan])
