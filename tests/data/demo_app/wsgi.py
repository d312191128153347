"""Entry point for the production server: ``gunicorn wsgi:app``."""

from depot import create_app

app = create_app()
