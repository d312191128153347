"""Families of CWEs: weaknesses that one fix, one sink or one mistake in naming makes interchangeable."""

from collections.abc import Mapping
from types import MappingProxyType

FAMILIES: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        "command": frozenset({77, 78, 88}),
        "code": frozenset({94, 95, 96, 470, 1336}),
        "query": frozenset({89, 90, 91, 564, 643, 943}),
        "path": frozenset({22, 23, 36, 59, 73, 377, 378, 379, 434}),
        "markup": frozenset({79, 80, 116}),
        "header": frozenset({93, 113, 117, 150}),
        "xml": frozenset({611, 776, 827}),
        "deserialisation": frozenset({502, 913, 915}),
        "request": frozenset({601, 918, 441}),
        "secret": frozenset({256, 259, 321, 522, 798}),
        "cipher": frozenset({261, 325, 326, 327, 328, 329, 347, 759, 760, 780, 916}),
        "random": frozenset({330, 331, 334, 335, 336, 337, 338, 340}),
        "transport": frozenset({295, 297, 319, 322, 940}),
        "browser": frozenset({346, 352, 539, 614, 942, 1004, 1021, 1275}),
        "access": frozenset({250, 269, 276, 281, 284, 285, 287, 306, 521, 639, 732, 841, 862, 863}),
        "disclosure": frozenset({200, 201, 209, 215, 312, 497, 532, 489}),
        "resource": frozenset({400, 404, 409, 674, 770, 772, 834, 835, 1333}),
        "check": frozenset({20, 129, 134, 190, 367, 369, 390, 391, 396, 477, 595, 605, 617, 682, 693, 703, 754, 755}),
    }
)

_FAMILY_OF = {cwe: name for name, members in FAMILIES.items() for cwe in members}


def family_of(cwe: int) -> str:
    """Name the family of a CWE; a CWE outside every family is a family of its own, named after it."""
    return _FAMILY_OF.get(cwe, f"cwe-{cwe}")


def are_related(first: int, second: int) -> bool:
    """Tell whether two CWEs are the same or of one family."""
    return first == second or family_of(first) == family_of(second)
