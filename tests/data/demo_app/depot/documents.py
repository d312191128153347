"""Manifests, receipts and the archives couriers send."""

import hashlib
import io
import os
import tarfile
import tempfile

from flask import Blueprint, Response, abort, current_app, request, send_from_directory
from werkzeug.utils import secure_filename

from depot import cleaning

bp = Blueprint("documents", __name__, url_prefix="/documents")

SCANS = {".pdf", ".png", ".jpg"}


@bp.get("/manifest")
def manifest():
    """Return a manifest as text."""
    name = request.args.get("name", "")
    path = os.path.join(current_app.config["DOCUMENTS"], "manifests", name)
    with open(path, encoding="utf-8") as handle:
        return Response(handle.read(), mimetype="text/plain")


@bp.get("/label")
def label():
    """Return a label for the printer."""
    name = cleaning.strip_parents(request.args.get("name", ""))
    path = current_app.config["DOCUMENTS"] + "/labels/" + name
    with open(path, "rb") as handle:
        return Response(handle.read(), mimetype="application/octet-stream")


@bp.get("/receipt")
def receipt():
    """Return a signed receipt as text."""
    try:
        path = cleaning.inside(current_app.config["DOCUMENTS"], request.args.get("name", ""))
    except ValueError:
        abort(404)
    with open(path, encoding="utf-8") as handle:
        return Response(handle.read(), mimetype="text/plain")


@bp.get("/invoice/<path:name>")
def invoice(name):
    """Send an invoice."""
    return send_from_directory(os.path.abspath(current_app.config["DOCUMENTS"]), name)


@bp.post("/upload")
def upload():
    """Keep a scanned delivery note."""
    item = request.files["note"]
    name = secure_filename(item.filename or "")
    if os.path.splitext(name)[1].lower() not in SCANS:
        abort(415)
    item.save(os.path.join(current_app.config["INBOX"], name))
    return "", 201


@bp.post("/archive")
def unpack_archive():
    """Unpack the documents of a courier's archive."""
    with tarfile.open(fileobj=io.BytesIO(request.get_data())) as archive:
        archive.extractall(current_app.config["INBOX"])
    return "", 201


@bp.post("/bundle")
def unpack_bundle():
    """Unpack the documents of a partner's bundle."""
    with tarfile.open(fileobj=io.BytesIO(request.get_data())) as archive:
        archive.extractall(current_app.config["INBOX"], filter="data")
    return "", 201


def spool_path():
    """Choose where the next print job is written."""
    return tempfile.mktemp(prefix="depot-", suffix=".pcl")


def write_spool(job):
    """Write a print job and return its path."""
    descriptor, path = tempfile.mkstemp(prefix="depot-", suffix=".pcl")
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(job)
    return path


def entity_tag(content):
    """Return the ETag of a document."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
