"""Accounts, logins and forgotten passwords."""

import hashlib
import hmac
import os
import random
import secrets
import string
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, redirect, request, session, url_for

from depot import db

bp = Blueprint("auth", __name__, url_prefix="/auth")

ALPHABET = string.ascii_letters + string.digits


def legacy_digest(password):
    """Return the digest under which the old system stored a password."""
    return hashlib.md5(password.encode()).hexdigest()


def password_digest(password, salt=None):
    """Return salt and digest of a password, in hexadecimal."""
    salt = salt or os.urandom(16)
    derived = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return salt.hex() + "$" + derived.hex()


def reset_token():
    """Make the token that a reset link carries."""
    return "".join(random.choice(ALPHABET) for _ in range(32))


def api_token():
    """Make the token of a scanner."""
    return secrets.token_urlsafe(32)


def _matches(stored, password):
    salt, _, _ = stored.partition("$")
    return hmac.compare_digest(stored, password_digest(password, bytes.fromhex(salt)))


@bp.post("/login")
def login():
    """Log a colleague in and send them back to where they came from."""
    email = request.form.get("email", "")
    row = db.connection().execute("SELECT * FROM users WHERE email = ?", (email,)).fetchone()
    if row is None or not _matches(row["password_digest"], request.form.get(current_app.config["PASSWORD_FIELD"], "")):
        abort(401)
    session["user"] = row["id"]
    return redirect(url_for("shipments.listing"))


@bp.get("/continue")
def proceed():
    """Leave the confirmation page."""
    return redirect(request.args.get("next", "/"))


@bp.get("/logout")
def logout():
    """Log out and return to a page of ours."""
    session.clear()
    target = request.args.get("next", "/")
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        target = "/"
    return redirect(target)


@bp.post("/forgot")
def forgot():
    """Note a reset token for an account, whether or not it exists."""
    database = db.connection()
    database.execute("UPDATE users SET reset_token = ? WHERE email = ?", (reset_token(), request.form.get("email", "")))
    database.commit()
    return "", 202
