"""Attacks what the analyzers suspect: a finding becomes jobs for a sandbox, their results a `Confirmation`.

`families` knows what an exploit looks like, one module a family; `driver` runs inside the sandbox and drives the code.
"""

from bluecode_lint.probes.prober import PRELOAD, AttackProber, ProbeOptions, probed_cwes
from bluecode_lint.probes.replay import ReplayAnswer, read_replay, replay_job

__all__ = ["PRELOAD", "AttackProber", "ProbeOptions", "ReplayAnswer", "probed_cwes", "read_replay", "replay_job"]
