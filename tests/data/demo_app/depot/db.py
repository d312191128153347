"""One SQLite connection per request, and the queries that several views share."""

import sqlite3

from flask import current_app, g

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    email TEXT UNIQUE NOT NULL,
    password_digest TEXT NOT NULL,
    reset_token TEXT
);
CREATE TABLE IF NOT EXISTS shipments (
    id INTEGER PRIMARY KEY,
    reference TEXT UNIQUE NOT NULL,
    recipient TEXT NOT NULL,
    city TEXT NOT NULL,
    weight_kg REAL NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'received'
);
"""


def connection():
    """Return this request's connection, opened and migrated on first use."""
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
        g.db.executescript(SCHEMA)
    return g.db


def close(_error=None):
    """Close the connection at the end of the request."""
    open_connection = g.pop("db", None)
    if open_connection is not None:
        open_connection.close()


def rows_where(condition):
    """List shipments that satisfy a condition."""
    query = "SELECT reference, recipient, city, status FROM shipments WHERE " + condition
    return [dict(row) for row in connection().execute(query)]


def rows_by_status(status):
    """List shipments in a given state, oldest first."""
    query = "SELECT reference, recipient, city, status FROM shipments WHERE status = ? ORDER BY id"
    return [dict(row) for row in connection().execute(query, (status,))]


def rows_by_ids(ids):
    """List shipments by primary key."""
    marks = ", ".join("?" for _ in ids)
    query = f"SELECT reference, recipient, city, status FROM shipments WHERE id IN ({marks})"
    return [dict(row) for row in connection().execute(query, list(ids))]
