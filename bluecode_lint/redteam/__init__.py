"""Automated red teaming of our own pipeline: make risky instances, keep the proven ones, learn what evades.

`operators` rewrites vulnerable code, `framings` rewrites instructions, `campaign` searches with them. What proves a
variant and what is attacked are handed in.
"""
