"""CSV imports as a part of a FastAPI application: `uvicorn fastapi_app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from people import import_people

import csvpipe
from csvpipe.web import bearer, create_app

pool = csvpipe.WorkerPool(pipelines=[import_people], on_exit="stop")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The application's own; it does not start those of what is mounted, so the pool is entered here."""
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/imports", create_app(pool, authenticate=bearer({"token-of-ana": "ana", "token-of-bob": "bob"})))


@app.get("/")
async def home() -> dict[str, int]:
    """The application may use the pool as well."""
    return {"running_jobs": pool.statistics().running_jobs}
