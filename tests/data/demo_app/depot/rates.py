"""What a parcel costs."""

import ast
import operator
import random

from flask import Blueprint, jsonify, render_template_string, request

bp = Blueprint("rates", __name__, url_prefix="/rates")

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}

OFFER = "<p>Dear {{ customer }}, your rate is {{ rate }} per kilogram.</p>"


@bp.get("/quote")
def quote():
    """Work a customer's price formula out."""
    formula = request.args.get("formula", "weight * 2")
    weight = float(request.args.get("weight", "1"))
    return jsonify(price=eval(formula, {"weight": weight}))


@bp.get("/table")
def table():
    """Read a price table given as a Python literal."""
    bands = ast.literal_eval(request.args.get("bands", "[(5, 2.5), (20, 2.1)]"))
    return jsonify(bands=[list(band) for band in bands])


@bp.get("/surcharge")
def surcharge():
    """Combine two amounts."""
    combine = OPERATORS.get(request.args.get("op", "+"), operator.add)
    return jsonify(total=combine(float(request.args.get("a", "0")), float(request.args.get("b", "0"))))


@bp.post("/rules")
def install_rules():
    """Try a set of pricing rules before they go live."""
    namespace = {}
    exec(request.get_data(as_text=True), namespace)
    return jsonify(rules=sorted(name for name in namespace if name.startswith("rule_")))


@bp.get("/letter")
def letter():
    """Draft a letter with the customer's own wording."""
    wording = request.args.get("wording", "Thank you.")
    return render_template_string("<p>" + wording + "</p><p>The depot</p>")


@bp.get("/offer")
def offer():
    """Draft the standard offer."""
    return render_template_string(OFFER, customer=request.args.get("customer", ""), rate="2.10")


def retry_delay(attempt):
    """Wait a little longer each time, and never in step with the other desks."""
    return min(60.0, 2.0**attempt) * (0.5 + random.random() / 2)
