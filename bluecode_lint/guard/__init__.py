"""Checks instructions to models: malicious, biased, injected, hidden. `Guard.check` is the one verb."""
