"""Runs one job isolated, and knows no CWE. One file a backend; `inside` is what stands beyond the wall."""

from bluecode_lint.sandbox.choice import LEVELS, BackendStatus, WarmSandbox, describe_backends, open_sandbox

__all__ = ["LEVELS", "BackendStatus", "WarmSandbox", "describe_backends", "open_sandbox"]
