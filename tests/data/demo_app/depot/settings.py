"""Settings, read once at start-up."""

import os

DATABASE = os.environ.get("DEPOT_DATABASE", "depot.sqlite3")
DOCUMENTS = os.environ.get("DEPOT_DOCUMENTS", "documents")
INBOX = os.environ.get("DEPOT_INBOX", "inbox")

SECRET_KEY = "kT7vQ2mZp9sLw4XbN8rJ"
SMTP_PASSWORD = os.environ.get("DEPOT_SMTP_PASSWORD", "")

PASSWORD_FIELD = "password"
TOKEN_HEADER = "X-Depot-Token"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = "Lax"

COURIERS = {
    "north": "https://track.north-express.example/v2",
    "harbour": "https://api.harbour-lines.example/tracking",
}
