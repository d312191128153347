"""``bluecode-lint serve``: check instructions and scan code over HTTP, for services that ask before each model request.

It judges the text it is sent and nothing else: no path of the server is read, and code is executed (in the sandbox)
only where the operator says so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bluecode_lint import __version__, check
from bluecode_lint.cli import wiring
from bluecode_lint.cli.commands import flags_given
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import Notification
from bluecode_lint.pipeline import scan
from bluecode_lint.sources.reading import make_artifact

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Artifact, Run

DEFAULT_PORT = 8765
_SARIF = "application/sarif+json"
_MAX_NAME = 200
_INTERRUPTED_AFTER_S = 5


def serve_command(arguments: argparse.Namespace) -> ExitCode:
    """Serve until interrupted."""
    try:
        import uvicorn  # noqa: PLC0415  # an extra, and only here
    except ImportError as error:
        message = f"serving needs {error.name}"
        raise UsageError(message, advice="pip install 'bluecode-lint[serve]'") from error
    settings = load_settings(flags_given(arguments), Path.cwd(), None, isolated=True)
    application = make_application(settings, execute=arguments.execute)
    where = f"http://{arguments.host}:{arguments.port}"
    sys.stderr.write(f"bluecode-lint: serving on {where} (POST /check, POST /scan, GET /health)\n")
    uvicorn.run(
        application, host=arguments.host, port=arguments.port, log_level="warning", server_header=False,
        timeout_graceful_shutdown=_INTERRUPTED_AFTER_S,
    )  # fmt: skip
    return ExitCode.CLEAN


def make_application(settings: Settings, *, execute: bool = False) -> Starlette:
    """Build the application; its tools are opened when it starts and closed when it stops."""
    from starlette.applications import Starlette  # noqa: PLC0415  # an extra, and only here
    from starlette.routing import Route  # noqa: PLC0415

    service = _Service(settings, execute=execute)
    routes = [
        Route("/health", service.health, methods=["GET"]),
        Route("/check", service.check, methods=["POST"]),
        Route("/scan", service.scan, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=service.lifespan)


class _RefusedError(Exception):
    """A request that is answered with ``status`` and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Service:
    """The handlers, and the parts of a scan they share."""

    def __init__(self, settings: Settings, *, execute: bool) -> None:
        self._values = {**settings.values, "no-exec": not execute}
        self._settings = type(settings)(self._values, settings.per_file_ignores)
        self._limit: int = settings["max-file-size"]
        self._scan: Callable[[Artifact], Run] | None = None

    @asynccontextmanager
    async def lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bluecode-serve-")))
            rules = wiring.load_catalogue(self._settings)
            inputs = Inputs(root, (), (), ChangeScope(None))
            tools, remarks = stack.enter_context(wiring.open_tools(self._settings, rules, inputs))
            policy = wiring.make_policy(self._settings, rules)
            self._scan = lambda artifact: scan((artifact,), tools, policy, remarks)
            check("")  # loads the knowledge, so that the first request is as quick as the others
            yield

    async def health(self, _request: Request) -> Response:
        from starlette.responses import JSONResponse  # noqa: PLC0415  # an extra, and only here

        return JSONResponse({"status": "ok", "version": __version__, "executes": not self._values["no-exec"]})

    async def check(self, request: Request) -> Response:
        return await self._answer(request, lambda data: check(_text_of(data, "text")))

    async def scan(self, request: Request) -> Response:
        return await self._answer(request, self._scan_text)

    def _scan_text(self, data: Mapping[str, Any]) -> Run:
        name = _name_of(data.get("filename", "code.py"))
        items = list(make_artifact(name, _text_of(data, "code").encode("utf-8", "replace")))
        artifact = next(item for item in items if not isinstance(item, Notification))
        assert self._scan is not None  # noqa: S101  # the application has started
        return self._scan(artifact)

    async def _answer(self, request: Request, work: Callable[[Mapping[str, Any]], Run]) -> Response:
        from starlette.concurrency import run_in_threadpool  # noqa: PLC0415  # an extra, and only here
        from starlette.responses import JSONResponse, Response  # noqa: PLC0415

        try:
            data = _object_in(await self._body(request))
            run = await run_in_threadpool(work, data)
        except _RefusedError as refused:
            return JSONResponse({"error": str(refused)}, status_code=refused.status)
        wants_sarif = _SARIF in request.headers.get("accept", "")
        name, kind = ("sarif", _SARIF) if wants_sarif else ("json", "application/json")
        report = wiring.make_emitter(name, color=False, width=100, verbose=False).emit(run)
        return Response(report, media_type=kind)

    async def _body(self, request: Request) -> bytes:
        """Read the body, and stop as soon as it is too large, whatever its header says."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > 2 * self._limit:
                message = f"larger than {2 * self._limit:,} bytes"
                raise _RefusedError(413, message)
        return bytes(body)


def _object_in(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = "the body is no JSON"
        raise _RefusedError(400, message) from error
    if not isinstance(data, dict):
        message = "the body must be a JSON object"
        raise _RefusedError(400, message)
    return data


def _text_of(data: Mapping[str, Any], key: str) -> str:
    text = data.get(key)
    if not isinstance(text, str):
        message = f"{key!r} must be given, as text"
        raise _RefusedError(400, message)
    return text


def _name_of(name: object) -> str:
    """Accept a plain relative name: it is shown in the report, and no file of that name is looked for."""
    path = PurePosixPath(name) if isinstance(name, str) and name.isprintable() else None
    if path is None or path.is_absolute() or ".." in path.parts or not path.name or len(str(path)) > _MAX_NAME:
        message = "'filename' must be a relative path"
        raise _RefusedError(400, message)
    return str(path)
