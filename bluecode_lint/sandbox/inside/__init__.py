"""The part of the sandbox that runs on the other side of the wall.

Standard library only, and no import of anything outside this package: a lane loads it by path into a bare interpreter
(inside bubblewrap's namespaces or a container, even), beside which nothing else of ours exists. And as little of the
standard library as will do: every module a zygote holds is copied for each job and torn down with it.
"""
