"""What bubblewrap and the container engines are told. The escape suite runs the result where they are installed."""

import os
import sys
from pathlib import Path

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Job, Limits
from bluecode_lint.sandbox.bubblewrap import BubblewrapSandbox, outermost
from bluecode_lint.sandbox.container import ContainerSandbox


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Programs that are found by name, and only these."""

    def install(*names):
        for name in names:
            (tmp_path / name).write_text('#!/bin/sh\necho "$0 was called" >&2\nexit 125\n')
            (tmp_path / name).chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", str(tmp_path))
    return install


def values(words, option):
    return [words[index + 1] for index, word in enumerate(words) if word == option]


def test_bubblewrap_mounts_what_is_needed_and_no_more(installed):
    installed("bwrap")
    words = BubblewrapSandbox().command(("/some/project",))
    assert words[0].endswith("/bwrap")
    assert words[-1] == "--"
    assert "--unshare-all" in words
    assert values(words, "--cap-drop") == ["ALL"]
    assert values(words, "--remount-ro") == ["/proc", "/"]
    assert "--share-net" not in words
    mounted = values(words, "--ro-bind-try")
    assert "/some/project" in mounted
    assert "/usr" in mounted
    home = str(Path.home())
    assert not {"/", "/etc", "/home", "/root", "/tmp", "/var", "/dev", "/sys", "/run", home} & set(mounted)
    assert not [word for word in words if word == "--bind"]
    assert set(values(words, "--dev-bind-try")) == {
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
    }


def test_nothing_is_mounted_twice():
    assert outermost("/usr", "/usr/lib", "/usr2", "/a/b", "/a", "/a/b/c", "/a") == ["/a", "/usr", "/usr2"]
    assert outermost("/", "/usr") == ["/"]


def test_bubblewrap_that_is_not_there(installed, monkeypatch):
    installed()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxUnavailableError, match="bwrap is not installed") as caught:
        BubblewrapSandbox()
    assert "package" in caught.value.advice


def test_bubblewrap_beside_the_interpreter_is_found(installed, monkeypatch):
    directory = installed("bwrap")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(directory / "python"))
    assert BubblewrapSandbox().command(())[0] == str(directory / "bwrap")


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_container_has_nothing_it_does_not_need(installed, engine):
    project = installed(engine) / "project"
    project.mkdir()
    words = ContainerSandbox(image="some/image", bounds=Limits(memory_mib=200, processes=10, scratch_mib=50)).command(
        (str(project), "/not/there")
    )
    assert words[0].endswith("/" + engine)
    assert words[1] == "run"
    assert words[-1] == "some/image"
    assert {"--rm", "--interactive", "--read-only"} <= set(words)
    expected = {
        "--pull": ["never"],
        "--network": ["none"],
        "--cap-drop": ["ALL"],
        "--security-opt": ["no-new-privileges"],
        "--user": ["65534:65534"],
        "--ipc": ["none"],
        "--pids-limit": ["18"],
        "--memory": ["378m"],
        "--memory-swap": ["378m"],
        "--log-driver": ["none"],
        "--entrypoint": [""],
    }
    assert {option: values(words, option) for option in expected} == expected
    assert not {"--privileged", "-v", "--volume", "--device", "--env", "-e", "--tty", "-t"} & set(words)
    assert all(mount.endswith(",readonly") for mount in values(words, "--mount"))
    assert f"type=bind,source={project},target={project},readonly" in values(words, "--mount")
    assert not [mount for mount in values(words, "--mount") if "/not/there" in mount]
    # Podman adds writable directories to a read-only image unless told not to; docker does not know the option.
    assert ("--read-only-tmpfs=false" in words) == (engine == "podman")


def test_a_path_with_a_comma_is_mounted_as_one(installed):
    path = installed("docker") / 'a,b"c'
    path.mkdir()
    quoted = str(path).replace('"', '""')
    mounts = values(ContainerSandbox().command((str(path),)), "--mount")
    assert f'type=bind,"source={quoted}","target={quoted}",readonly' in mounts


def test_the_first_engine_is_podman(installed):
    installed("docker", "podman")
    assert ContainerSandbox().command(())[0].endswith("/podman")
    assert ContainerSandbox(engine="docker").command(())[0].endswith("/docker")


def test_the_image_is_of_the_running_version(installed):
    installed("docker")
    assert ContainerSandbox().command(())[-1] == f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


def test_no_engine_is_installed(installed):
    installed()
    with pytest.raises(SandboxUnavailableError, match="no container engine") as caught:
        ContainerSandbox()
    assert "podman" in caught.value.advice


def test_an_engine_that_fails_is_quoted(installed):
    installed("docker")
    sandbox = ContainerSandbox()
    with pytest.raises(SandboxUnavailableError, match="docker was called"):
        sandbox.exec(Job(argv=(sys.executable, "-I", "-c", "pass")))


@pytest.mark.parametrize("limits", [Limits(memory_mib=10_000), Limits(processes=10_000), Limits(scratch_mib=10_000)])
def test_a_job_beyond_the_containers_bounds_is_refused(installed, limits):
    installed("docker")
    with pytest.raises(ValueError, match="not made for a job"):
        ContainerSandbox().exec(Job(argv=("true",), limits=limits))


def test_the_clients_environment_is_the_least_it_needs(installed, monkeypatch):
    installed("docker")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("HOME", "/home/somebody")
    environment = dict(ContainerSandbox()._lanes._recipe.environment)
    assert environment == {"HOME": "/home/somebody", "PATH": os.environ["PATH"]} | {
        name: value for name, value in environment.items() if name.startswith(("XDG_RUNTIME", "DOCKER_", "CONTAINER_"))
    }
