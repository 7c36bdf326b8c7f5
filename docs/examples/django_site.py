"""CSV imports beside a Django site, for its logged-in users: `uvicorn django_site:application`.

A site has its settings, URLs and `asgi.py` in files of their own; here they are in one.
"""

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from people import import_people
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

import csvpipe
from csvpipe.web import create_app

if not settings.configured:
    settings.configure(
        SECRET_KEY="only for this example",  # noqa: S106
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    )
    django.setup()


def log_in(request: HttpRequest, name: str) -> HttpResponse:
    """In place of a site's own way to log in."""
    request.session["_auth_user_id"] = name
    return HttpResponse(f"hello {name}\n")


urlpatterns = [path("login/<name>", log_in)]


# asgi.py --------------------------------------------------------------------------------------------------------------

from importlib import import_module  # noqa: E402

from django.core.asgi import get_asgi_application  # noqa: E402


def whose(request: Request) -> str | None:
    """The user of the session, if there is one. A plain function is called in a thread: it may ask a database."""
    sessions = import_module(settings.SESSION_ENGINE)
    session = sessions.SessionStore(request.cookies.get(settings.SESSION_COOKIE_NAME))
    user = session.get("_auth_user_id")
    return None if user is None else str(user)


site = get_asgi_application()
door = create_app(lambda: csvpipe.WorkerPool(pipelines=[import_people], on_exit="stop"), authenticate=whose)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Django takes no lifespan events, so the door does: it enters the pool and leaves it."""
    if scope["type"] == "lifespan":
        await door(scope, receive, send)
    elif scope["path"].startswith("/imports/"):
        await door({**scope, "root_path": "/imports"}, receive, send)
    else:
        await site(scope, receive, send)
