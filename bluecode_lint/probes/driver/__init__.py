"""The part of a probe that runs inside the sandbox: standard library only, no knowledge of any sandbox.

`stage` holds what one attempt knows, `values` and `wild` are what hostile code is fed, `loader` and `stubs` let a
module load without its dependencies, `sinks` and `entries` watch and drive it, `attempt` forks one run and `search`
decides what to try next. Everything is written to be forked: the parent never runs the code under test.
"""
