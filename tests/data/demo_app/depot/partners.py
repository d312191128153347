"""Talk to couriers and partners."""

import json
import ssl
import urllib.request
from urllib.parse import quote

from flask import Blueprint, abort, current_app, jsonify, request

bp = Blueprint("partners", __name__, url_prefix="/partners")


@bp.post("/webhook/test")
def try_webhook():
    """Call a partner's webhook once and report what it answered."""
    url = request.form.get("url", "")
    with urllib.request.urlopen(url, timeout=5) as answer:
        return jsonify(status=answer.status, body=answer.read(200).decode("utf-8", "replace"))


@bp.get("/track/<courier>/<reference>")
def track(courier, reference):
    """Ask one of our couriers where a parcel is."""
    endpoint = current_app.config["COURIERS"].get(courier)
    if endpoint is None:
        abort(404)
    with urllib.request.urlopen(f"{endpoint}/{quote(reference, safe='')}", timeout=5) as answer:
        return jsonify(json.load(answer))


def customs_context():
    """Return the TLS settings for the customs gateway."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def courier_context(authority=None):
    """Return the TLS settings for couriers, with their own authority if they have one."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
