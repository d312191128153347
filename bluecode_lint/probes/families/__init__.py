"""Attack families: payloads, sinks and oracles, one module each.

Standard library only: they run inside the sandbox.
"""
