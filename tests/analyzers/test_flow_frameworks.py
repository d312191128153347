"""Where requests come in: one framework, one handler, at a time."""

from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.core.model import Artifact, Confidence, Finding
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}

HANDLERS = {
    "flask": """
        from flask import Flask, request
        app = Flask(__name__)
        @app.route("/x")
        def x():
            return run(request.args.get("q"))
    """,
    "flask path": """
        from flask import Blueprint
        bp = Blueprint("x", __name__)
        @bp.get("/<name>")
        def x(name):
            run(name)
    """,
    "flask factory": """
        import flask
        def create_app():
            app = flask.Flask(__name__)
            @app.post("/x")
            def x():
                run(flask.request.json["cmd"])
            return app
    """,
    "flask class": """
        from flask.views import MethodView
        from flask import request
        class X(MethodView):
            def post(self):
                run(request.form["q"])
    """,
    "flask restful": """
        from flask_restful import Resource
        class X(Resource):
            def get(self, name):
                run(name)
    """,
    "django": """
        def view(request):
            run(request.GET["q"])
    """,
    "django class": """
        from django.views import View
        class X(View):
            def get(self, request, name):
                run(name)
    """,
    "django class attribute": """
        from django.views.generic import TemplateView
        class X(TemplateView):
            def get_context_data(self, **kwargs):
                run(self.request.POST.get("q"))
    """,
    "fastapi": """
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/x/{name}")
        async def x(name: str):
            run(name)
    """,
    "fastapi model": """
        from fastapi import APIRouter
        from pydantic import BaseModel
        router = APIRouter()
        class Body(BaseModel):
            cmd: str
        @router.post("/x")
        def x(body: Body):
            run(body.cmd)
    """,
    "query by name": """
        async def x(request):
            run(request.query.get("q"))
    """,
    "starlette": """
        async def x(request):
            body = await request.json()
            run(body["q"])
    """,
    "aiohttp": """
        from aiohttp import web
        routes = web.RouteTableDef()
        @routes.get("/x")
        async def x(request):
            data = await request.post()
            run(data["q"])
    """,
    "tornado": """
        import tornado.web
        class X(tornado.web.RequestHandler):
            def get(self):
                run(self.get_argument("q"))
    """,
    "bottle": """
        from bottle import route, request
        @route("/x")
        def x():
            run(request.query.q)
    """,
    "pyramid": """
        from pyramid.view import view_config
        @view_config(route_name="x")
        def x(request):
            run(request.matchdict["q"])
    """,
    "falcon": """
        class X:
            def on_get(self, req, resp):
                run(req.get_param("q"))
    """,
    "http.server": """
        from http.server import BaseHTTPRequestHandler
        class X(BaseHTTPRequestHandler):
            def do_GET(self):
                run(self.path.split("?")[1])
    """,
    "http.server body": """
        from http.server import BaseHTTPRequestHandler
        class X(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                run(body.decode())
    """,
    "cgi": """
        import cgi
        form = cgi.FieldStorage()
        run(form.getvalue("q"))
    """,
    "lambda": """
        def lambda_handler(event, context):
            run(event["queryStringParameters"]["q"])
    """,
    "socket": """
        import socket
        def serve(conn):
            run(conn.recv(100).decode())
    """,
    "sanic": """
        from sanic import Sanic
        app = Sanic("x")
        @app.route("/x")
        async def x(request):
            run(request.args.get("q"))
    """,
    "websocket": """
        from fastapi import FastAPI, WebSocket
        app = FastAPI()
        @app.websocket("/ws")
        async def x(websocket: WebSocket):
            run(await websocket.receive_text())
    """,
}

HARMLESS = {
    "fastapi number": """
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/x/{number}")
        async def x(number: int):
            run(number)
    """,
    "fastapi dependency": """
        from fastapi import Depends, FastAPI
        app = FastAPI()
        @app.get("/x")
        async def x(service=Depends(make)):
            run(service)
    """,
    "method of a request": """
        def view(request):
            run(request.method)
    """,
    "user of a request": """
        def view(request):
            run(request.user.pk)
    """,
    "urllib's request": """
        import urllib.request
        def fetch():
            run(urllib.request.Request("https://a.example").data)
    """,
}


def high_findings(text: str) -> list[Finding]:
    lines = [line[8:] for line in text.strip("\n").splitlines()]
    code = "import os\ndef run(value):\n    os.system('ls %s' % value)\n" + "\n".join(lines) + "\n"
    digest = hashlib.sha256(code.encode()).hexdigest()
    found = FlowAnalyzer(ROOT, RULES).analyze([Artifact("app/mod.py", "python", code, digest, parse_python(code))])
    return [
        f
        for f in found
        if isinstance(f, Finding) and f.rule_id == "bluecode/os-command-injection" and f.confidence is Confidence.HIGH
    ]


@pytest.mark.parametrize("name", HANDLERS)
def test_request_data_is_hostile(name):
    assert high_findings(HANDLERS[name])


@pytest.mark.parametrize("name", HARMLESS)
def test_not_everything_near_a_request_is(name):
    assert high_findings(HARMLESS[name]) == []
