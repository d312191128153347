"""Paths as they come, standard input, and what git knows: differences, the index, renames, ignored files."""

from __future__ import annotations

import re

STATIC = "--no-exec"
HARMLESS = "def double(number):\n    return 2 * number\n"


def uris(done):
    return sorted({result.uri for result in done.results if result.cwe == 78})


def test_spaces_and_other_alphabets_in_paths(command_line, repository, defect):
    names = [
        "with space/an app.py",
        "ünïcödé/ядро.py",
        "日本/語.py",
        "-dash.py",
        "a#b%20c.py",
        "quote'\".py",
        "new\nline.py",
    ]
    root = repository(dict.fromkeys(names, defect))
    done = command_line.scan(STATIC, ".", cwd=root)
    assert uris(done) == sorted(names)
    named = command_line.scan(STATIC, "--", *names, cwd=root)
    assert uris(named) == sorted(names)
    assert named.sarif_bytes == done.sarif_bytes
    encoded = [
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in done.sarif["runs"][0]["results"]
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._~/%'-]+", uri) for uri in encoded), encoded


def test_uris_are_of_the_repository_wherever_the_scan_starts(command_line, repository, defect):
    root = repository({"pkg/sub/app.py": defect})
    for cwd, path in (
        (root, "pkg/sub/app.py"),
        (root / "pkg", "sub"),
        (root / "pkg" / "sub", "."),
        (root.parent, root),
    ):
        assert uris(command_line.scan(STATIC, path, cwd=cwd)) == ["pkg/sub/app.py"]


def test_symbolic_links(command_line, repository, git, tmp_path, defect):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.py").write_text(defect)
    root = repository({"real/app.py": defect})
    (root / "alias.py").symlink_to("real/app.py")
    (root / "outside.py").symlink_to(elsewhere / "secret.py")
    (root / "folder").symlink_to(elsewhere)
    (root / "circle").symlink_to(".")
    git(root, "add", "--all")
    done = command_line.scan(STATIC, ".", cwd=root)
    assert "real/app.py" in uris(done)
    assert not [uri for uri in uris(done) if uri.startswith(("outside", "folder", "circle"))]
    assert ("symlink-leaves-root", "warning", "outside.py") in done.notifications
    assert done.code == 1


def test_ignored_and_excluded_files_are_left_out_unless_named(command_line, repository, defect):
    root = repository({".gitignore": "generated/\n", "app.py": HARMLESS, "build/b.py": defect, "mine/c.py": defect})
    (root / "generated").mkdir()
    (root / "generated" / "a.py").write_text(defect)
    assert uris(command_line.scan(STATIC, "--extend-exclude=mine/", ".", cwd=root)) == []
    assert uris(command_line.scan(STATIC, "build/b.py", cwd=root)) == ["build/b.py"]
    assert uris(command_line.scan(STATIC, "--force-exclude", "build/b.py", "app.py", cwd=root)) == []


def test_standard_input(command_line, repository, defect):
    root = repository({"app.py": HARMLESS})
    done = command_line.scan(STATIC, "--stdin-filename=pkg/app.py", "-", cwd=root, stdin=defect.encode())
    assert uris(done) == ["pkg/app.py"]
    assert done.code == 1
    for format_ in ("sarif", "json", "github", "text"):
        piped = command_line.run("scan", STATIC, "-q", "-f", format_, "-", cwd=root, stdin=defect.encode())
        assert piped.code == 1
        assert piped.stderr == ""
        assert "stdin.py" in piped.stdout
    assert command_line.run("scan", STATIC, "-", cwd=root, stdin=b"").code == 0


def test_a_difference_reports_what_it_touches(command_line, repository, git, defect):
    root = repository({"old.py": defect, "gone.py": HARMLESS, "moved.py": defect, "edited.py": defect})
    git(root, "rm", "--quiet", "gone.py")
    git(root, "mv", "moved.py", "renamed.py")
    (root / "edited.py").write_text(defect.replace("-c 1", "-c 2"))
    (root / "fresh.py").write_text("'''Another.'''\n" * 20 + defect)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Second")
    done = command_line.scan(STATIC, "--diff-base=HEAD~1", ".", cwd=root)
    assert uris(done) == ["edited.py", "fresh.py"], "a rename changes no line"
    assert command_line.scan(STATIC, "--diff-base=HEAD", ".", cwd=root).code == 0


def test_staged_content_is_scanned_and_not_the_work_tree(command_line, repository, git, defect):
    root = repository({"staged.py": HARMLESS, "unstaged.py": HARMLESS, "both.py": HARMLESS})
    (root / "staged.py").write_text(defect)
    (root / "both.py").write_text(defect)
    git(root, "add", "--all")
    (root / "staged.py").write_text(HARMLESS)
    (root / "unstaged.py").write_text(defect)
    (root / "both.py").unlink()
    done = command_line.scan(STATIC, "--staged", ".", cwd=root)
    assert uris(done) == ["both.py", "staged.py"]
    assert git(root, "status", "--short").splitlines() == ["MD both.py", "MM staged.py", " M unstaged.py"]


def test_a_fingerprint_survives_an_inserted_line(command_line, repository, defect):
    root = repository({"app.py": defect + "\n\n" + defect.replace("/ping", "/pong").replace("def ping", "def pong")})

    def fingerprints():
        done = command_line.scan(STATIC, ".", cwd=root)
        return sorted(r["fingerprint"] for r in done.json["results"] if r["cwe"] == 78)

    before = fingerprints()
    assert len(set(before)) == 2
    (root / "app.py").write_text("# A comment\n\n" + (root / "app.py").read_text())
    assert fingerprints() == before


def test_a_hostile_repository_configuration_starts_nothing(command_line, repository, git, tmp_path, defect):
    root = repository({"app.py": defect, ".gitattributes": "*.py filter=evil diff=evil\n"})
    touch = f"touch {tmp_path / 'pwned'}"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "filter.evil.clean", "filter.evil.smudge",
                "diff.evil.textconv", "diff.evil.command", "diff.external"):  # fmt: skip
        git(root, "config", key, touch)
    for hook in ("post-index-change", "pre-commit", "post-checkout"):
        path = root / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\n{touch}\n")
        path.chmod(0o755)
    for arguments in (["."], ["--diff-base=HEAD", "."], ["--staged", "."], ["app.py"]):
        command_line.run("scan", STATIC, *arguments, cwd=root)
    assert not (tmp_path / "pwned").exists()
