"""Depot: the parcel desk of a small warehouse."""

from flask import Flask, jsonify

from depot import auth, db, documents, imports, partners, rates, shipments, tools


def create_app(overrides=None):
    """Build the application; ``overrides`` replaces settings, for tests."""
    app = Flask(__name__)
    app.config.from_object("depot.settings")
    app.config.update(overrides or {})

    for module in (auth, documents, imports, partners, rates, shipments, tools):
        app.register_blueprint(module.bp)
    app.teardown_appcontext(db.close)

    @app.get("/healthz")
    def health():
        row = db.connection().execute("SELECT COUNT(*) AS n FROM shipments").fetchone()
        return jsonify(status="ok", shipments=row["n"])

    return app
