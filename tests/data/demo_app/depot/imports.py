"""Take over what other systems export."""

import base64
import json
import pickle
import xml.sax
import xml.sax.handler

import yaml
from flask import Blueprint, jsonify, request

bp = Blueprint("imports", __name__, url_prefix="/imports")


@bp.post("/session")
def restore_session():
    """Take over a scanner's session."""
    state = pickle.loads(base64.b64decode(request.form.get("state", "")))
    return jsonify(restored=len(state))


@bp.post("/draft")
def restore_draft():
    """Take over a draft that the browser kept."""
    draft = json.loads(base64.b64decode(request.form.get("state", "e30=")))
    return jsonify(restored=len(draft))


@bp.post("/routes")
def load_routes():
    """Read a carrier's routes."""
    routes = yaml.load(request.get_data(as_text=True), Loader=yaml.UnsafeLoader)
    return jsonify(routes=len(routes))


@bp.post("/holidays")
def load_holidays():
    """Read the days on which nobody drives."""
    days = yaml.load(request.get_data(as_text=True), Loader=yaml.SafeLoader)
    return jsonify(days=len(days or []))


class _Counter(xml.sax.handler.ContentHandler):
    def __init__(self):
        super().__init__()
        self.elements = 0

    def startElement(self, name, attrs):
        self.elements += 1


@bp.post("/orders")
def load_orders():
    """Count the orders of an EDI message."""
    counter = _Counter()
    parser = xml.sax.make_parser()
    parser.setFeature(xml.sax.handler.feature_external_ges, True)
    parser.setContentHandler(counter)
    parser.feed(request.get_data(as_text=True))
    return jsonify(elements=counter.elements)


@bp.post("/returns")
def load_returns():
    """Count the items of a returns message."""
    counter = _Counter()
    xml.sax.parseString(request.get_data(), counter)
    return jsonify(elements=counter.elements)
