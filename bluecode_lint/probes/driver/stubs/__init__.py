"""Stand-ins for packages: requests come from the doors, what reaches a sink is shown to the stage.

A module here may stand in for several packages; names it lacks are wild (see `loader`).
"""
