"""Searching and showing shipments."""

from flask import Blueprint, abort, jsonify, request
from markupsafe import escape

from depot import db

bp = Blueprint("shipments", __name__, url_prefix="/shipments")

SORTABLE = {"reference": "reference", "city": "city", "weight": "weight_kg"}


@bp.get("/search")
def search():
    """Find shipments whose recipient contains the given text."""
    term = request.args.get("q", "")
    cursor = db.connection().cursor()
    cursor.execute(f"SELECT reference, recipient, city FROM shipments WHERE recipient LIKE '%{term}%'")
    return jsonify([dict(row) for row in cursor.fetchall()])


@bp.get("/suggest")
def suggest():
    """Complete a recipient's name while it is typed."""
    term = request.args.get("q", "")
    cursor = db.connection().cursor()
    cursor.execute("SELECT DISTINCT recipient FROM shipments WHERE recipient LIKE ? LIMIT 10", (f"{term}%",))
    return jsonify([row["recipient"] for row in cursor.fetchall()])


@bp.get("/city")
def in_city():
    """List what goes to one city."""
    city = request.args.get("name", "")
    return jsonify(db.rows_where("city = '" + city + "'"))


@bp.get("/status")
def in_status():
    """List what is in one state."""
    return jsonify(db.rows_by_status(request.args.get("name", "received")))


@bp.get("/")
def listing():
    """List everything, sorted by a column of the caller's choice."""
    column = SORTABLE.get(request.args.get("sort", "reference"), "reference")
    direction = "DESC" if request.args.get("desc") else "ASC"
    cursor = db.connection().execute(f"SELECT reference, city, weight_kg FROM shipments ORDER BY {column} {direction}")
    return jsonify([dict(row) for row in cursor])


@bp.get("/batch")
def batch():
    """Look several shipments up by number."""
    ids = [int(part) for part in request.args.get("ids", "").split(",") if part.isdigit()]
    return jsonify(db.rows_by_ids(ids) if ids else [])


@bp.post("/<int:number>/weight")
def weigh(number):
    """Record what the scales say."""
    weight = request.form.get("kg", "0")
    database = db.connection()
    database.execute("UPDATE shipments SET weight_kg = " + weight + " WHERE id = " + str(number))
    database.commit()
    return "", 204


@bp.get("/banner")
def banner():
    """Greet the person at the counter."""
    name = request.args.get("name", "colleague")
    return "<h1>Good morning, " + name + "</h1>"


@bp.get("/greeting")
def greeting():
    """Greet the person at the terminal."""
    name = request.args.get("name", "colleague")
    return f"<h1>Welcome back, {escape(name)}</h1>"


@bp.get("/<reference>/card")
def card(reference):
    """Show one shipment as a small card."""
    row = db.connection().execute("SELECT * FROM shipments WHERE reference = ?", (reference,)).fetchone()
    if row is None:
        abort(404)
    return f"<article><b>{escape(row['reference'])}</b> {escape(row['recipient'])}</article>"
