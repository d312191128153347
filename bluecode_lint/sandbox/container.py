"""A container engine, podman or docker: the same lock-down inside an image that holds nothing of the host."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Limits
from bluecode_lint.sandbox.lanes import Lanes, Recipe, paths_of_ours

if TYPE_CHECKING:
    from bluecode_lint.core.model import ExecResult, Job

_HOME = "/scratch"
_ENGINES = ("podman", "docker")
_NOBODY = "65534:65534"
# Of the host's environment, what the command line client needs to find its engine and its images.
_CLIENT_VARIABLES = ("HOME", "PATH", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST")
_MOST_OF_USER = 4096
"""Processes of the image's nobody in all containers at once; each container has its own, much lower bound."""
_SPARE_PROCESSES = 8
_SPARE_MIB = 128
_ADVICE = f"Install podman or rootless docker, then pull python:{sys.version_info.major}.{sys.version_info.minor}-slim."


class ContainerSandbox:
    """Runs jobs in a container without network, capabilities or a writable image.

    Third-party packages are those of the image, not the host's. The engine bounds all jobs of a lane together by the
    largest limits it serves; the limits of one job are the warden's, as in every backend.

    Args:
        preload: Modules of the standard library or of this package that warm Python jobs find imported already.
        image: A local image with a ``python3`` of this very version; it is never pulled.
        engine: The command line client; by default the first of podman and docker that is installed.
        bounds: The largest limits a job may ask for.

    Raises:
        SandboxUnavailableError: There is no container engine.
    """

    level = "container"

    def __init__(
        self, preload: tuple[str, ...] = (), image: str = "", engine: str = "", bounds: Limits | None = None
    ) -> None:
        program = shutil.which(engine) if engine else next(filter(None, map(shutil.which, _ENGINES)), None)
        if program is None:
            message = "no container engine is installed"
            raise SandboxUnavailableError(message, advice=_ADVICE)
        self._program = program
        self._image = image or f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
        self._bounds = bounds or Limits()
        self._ours = paths_of_ours(preload)
        environment = tuple((name, os.environ[name]) for name in _CLIENT_VARIABLES if name in os.environ)
        self._lanes = Lanes(
            Recipe(
                wrap=self.command,
                home=_HOME,
                mounts=True,
                preload=preload,
                interpreter="python3",
                environment=environment,
            )
        )

    def exec(self, job: Job) -> ExecResult:
        """Run a job (see `core.protocols.Sandbox`).

        Raises:
            ValueError: The job asks for more than the container's bounds.
        """
        for name in ("memory_mib", "processes", "scratch_mib"):
            if getattr(job.limits, name) > getattr(self._bounds, name):
                message = f"the container was not made for a job with {name} = {getattr(job.limits, name)}"
                raise ValueError(message)
        return self._lanes.exec(job)

    def close(self) -> None:
        """End the idle containers kept warm. The sandbox stays usable."""
        self._lanes.close()

    def command(self, readonly: tuple[str, ...]) -> list[str]:
        """Give the words that put a lane into a container in which only these paths of the host exist."""
        bounds = self._bounds
        memory = f"{bounds.memory_mib + bounds.scratch_mib + _SPARE_MIB}m"
        words = [self._program, "run", "--rm", "--interactive", "--pull", "never", "--network", "none", "--read-only"]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", _NOBODY, "--ipc", "none"]
        words += ["--pids-limit", str(bounds.processes + _SPARE_PROCESSES), "--memory", memory, "--memory-swap", memory]
        words += ["--ulimit", "nofile=1024:1024", "--ulimit", f"nproc={_MOST_OF_USER}:{_MOST_OF_USER}"]
        words += ["--hostname", "sandbox", "--workdir", "/", "--log-driver", "none"]
        words += ["--tmpfs", f"{_HOME}:rw,exec,nosuid,nodev,mode=1777,size={2 * bounds.scratch_mib}m"]
        if os.path.basename(self._program) == "podman":  # noqa: PTH119
            # Left to itself, podman puts writable file systems over /tmp, /var/tmp and /run again.
            words.append("--read-only-tmpfs=false")
        # An engine refuses to mount what is not there; for a job it is simply not there.
        for path in filter(os.path.exists, (*self._ours, *readonly)):
            words += ["--mount", ",".join(("type=bind", _csv(f"source={path}"), _csv(f"target={path}"), "readonly"))]
        return [*words, "--entrypoint", "", self._image]


def _csv(field: str) -> str:
    """Quote a field of ``--mount``, whose value both engines read as comma-separated values."""
    return '"' + field.replace('"', '""') + '"' if {",", '"'} & set(field) else field
