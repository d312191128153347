"""The technician's page: is that printer there, what is in that archive, how full is the disk."""

import os
import subprocess

from flask import Blueprint, Response, abort, request

from depot import cleaning

bp = Blueprint("tools", __name__, url_prefix="/tools")

REPORTS = {"disk": "df -h", "uptime": "uptime", "memory": "free -m"}


@bp.get("/ping")
def ping():
    """Ask a device whether it is reachable."""
    host = request.args.get("host", "localhost")
    done = subprocess.run(f"ping -c 1 -W 1 {host}", shell=True, capture_output=True, text=True, check=False)
    return Response(done.stdout, mimetype="text/plain")


@bp.get("/resolve")
def resolve():
    """Ask the resolver for a device's address."""
    try:
        host = cleaning.hostname(request.args.get("host", "localhost"))
    except ValueError:
        abort(400)
    done = subprocess.run(["getent", "hosts", host], capture_output=True, text=True, check=False)
    return Response(done.stdout, mimetype="text/plain")


@bp.get("/contents")
def contents():
    """List an archive in the inbox."""
    name = cleaning.tidy_argument(request.args.get("archive", ""))
    listing = os.popen("tar -tf inbox/" + name).read()
    return Response(listing, mimetype="text/plain")


@bp.get("/lines")
def lines():
    """Count the lines of a report in the inbox."""
    name = cleaning.shell_word(os.path.basename(request.args.get("report", "")))
    counted = os.popen("wc -l inbox/" + name).read()
    return Response(counted, mimetype="text/plain")


@bp.get("/report")
def report():
    """Run one of the fixed reports."""
    command = REPORTS.get(request.args.get("name", ""))
    if command is None:
        abort(404)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return Response(done.stdout, mimetype="text/plain")


@bp.post("/print")
def print_label():
    """Send a text to a label printer."""
    printer = request.form.get("printer", "labels")
    os.system("lp -d " + printer + " /var/spool/depot/next.pcl")
    return "", 202


@bp.post("/requeue")
def requeue():
    """Send the last text to a label printer once more."""
    copies = int(request.form.get("copies", "1"))
    os.system(f"lp -n {copies} /var/spool/depot/last.pcl")
    return "", 202
