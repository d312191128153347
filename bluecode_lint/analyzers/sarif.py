"""Other tools' results: SARIF of any tool, and the JSON of Bandit and Semgrep, as claims that can be judged.

A result keeps its place in its own log, so that whatever is found out can be written back beside it. What a result is
about is told by a CWE: of its rule's tags or taxa, of a mapping the user gives, or, for a test of Bandit (which Ruff
has under another letter), of our own mapping.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bluecode_lint.core.model import Confidence, Finding, Level, Location, Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.analyzers.bandit import BanditTest
    from bluecode_lint.core.model import Artifact, Rule

GENERIC_RULE = "bluecode/foreign-finding"
"""For results of other tools about a weakness that none of our rules is about."""
_CWE = re.compile(r"cwe[\s_:/-]*0*(\d{1,4})\b", re.IGNORECASE)
_RUFF_SECURITY = re.compile(r"S(\d{3})")
_LEVELS = {"HIGH": "error", "ERROR": "error", "MEDIUM": "warning", "WARNING": "warning"}


@dataclass(frozen=True, slots=True)
class Claim:
    """One result of another tool: where it stands in its log, and what it says.

    ``uri`` is relative to the root; empty where the result names no file below it, and then ``problem`` says why.
    ``finding`` is made by `find_claim`, once the file has been read.
    """

    log: int
    run: int
    result: int
    tool: str
    rule_id: str
    level: Level
    message: str
    uri: str
    region: Mapping[str, int]
    problem: str = ""
    cwes: tuple[int, ...] = ()
    utf16: bool = True


def read_log(text: str, origin: str) -> dict[str, Any]:
    """Read SARIF, or Bandit's or Semgrep's JSON, as SARIF.

    Raises:
        ValueError: It is none of them.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{origin} is no JSON: {error}"
        raise ValueError(message) from error
    if isinstance(document, dict):
        if isinstance(document.get("runs"), list):
            return document
        if isinstance(document.get("results"), list):
            bandit = "metrics" in document or "generated_at" in document
            convert = _from_bandit if bandit else _from_semgrep
            try:
                return convert(document["results"])
            except (KeyError, TypeError, AttributeError) as error:
                message = f"{origin} looks like {'Bandit' if bandit else 'Semgrep'}'s JSON, but is not: {error!r}"
                raise ValueError(message) from error
    message = f"{origin} is neither SARIF nor the JSON of Bandit or Semgrep"
    raise ValueError(message)


def _from_bandit(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rules = {r["test_id"]: {"id": r["test_id"], "name": r["test_name"]} for r in results}
    for result in results:
        if cwe := (result.get("issue_cwe") or {}).get("id"):
            rules[result["test_id"]]["properties"] = {"tags": [f"external/cwe/cwe-{cwe}"]}
    rows = [
        {
            "ruleId": r["test_id"],
            "level": _LEVELS.get(r["issue_severity"], "note"),
            "message": {"text": r["issue_text"]},
            "locations": [_place(r["filename"], r["line_number"], r["col_offset"] + 1, r.get("line_range"))],
        }
        for r in results
    ]
    return _log("Bandit", list(rules.values()), rows)


def _from_semgrep(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rules: dict[str, dict[str, Any]] = {}
    rows = []
    for r in results:
        cwes = r["extra"].get("metadata", {}).get("cwe", [])
        tags = [cwes] if isinstance(cwes, str) else list(cwes)
        rules[r["check_id"]] = {"id": r["check_id"], "properties": {"tags": tags}}
        region = {
            "startLine": r["start"]["line"],
            "startColumn": r["start"]["col"],
            "endLine": r["end"]["line"],
            "endColumn": r["end"]["col"],
        }
        rows.append(
            {
                "ruleId": r["check_id"],
                "level": _LEVELS.get(r["extra"].get("severity", ""), "note"),
                "message": {"text": r["extra"].get("message", "")},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": r["path"]}, "region": region}}],
            }
        )
    return _log("Semgrep", list(rules.values()), rows)


def _place(file: str, line: int, column: int, lines: Sequence[int] | None) -> dict[str, Any]:
    region = {"startLine": line, "startColumn": column, "endLine": max(lines or [line])}
    return {"physicalLocation": {"artifactLocation": {"uri": file}, "region": region}}


def _log(tool: str, rules: list[dict[str, Any]], results: list[dict[str, Any]]) -> dict[str, Any]:
    driver = {"name": tool, "rules": rules}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def claims_of(
    documents: Sequence[Mapping[str, Any]], root: Path, cwes_by_rule: Mapping[str, int] | None = None
) -> list[Claim]:
    """List every result of every run, in order; what is malformed becomes a claim with a problem, never nothing."""
    found = []
    for log, document in enumerate(documents):
        for number, run in enumerate(document["runs"]):
            rules = _rules_of(run)
            tool = _text(_get(run, "tool", "driver", "name")) or "unknown"
            for index, result in enumerate(_list(_get(run, "results"))):
                found.append(_Reader(run, rules, root, cwes_by_rule or {}).claim((log, number, index), tool, result))
    return found


class _Reader:
    """Reads the results of one run."""

    def __init__(self, run: Mapping[str, Any], rules: Mapping[str, Any], root: Path, cwes: Mapping[str, int]) -> None:
        self.run, self.rules, self.root, self.cwes_by_rule = run, rules, root, cwes

    def claim(self, where: tuple[int, int, int], tool: str, result: Any) -> Claim:  # noqa: ANN401  # any JSON
        rule = self.rule_of(result)
        rule_id = _text(_get(result, "ruleId")) or _text(_get(result, "rule", "id")) or _text(_get(rule, "id"))
        level = _text(_get(result, "level")) or _text(_get(rule, "defaultConfiguration", "level")) or "warning"
        place = _get(_first(_get(result, "locations")), "physicalLocation")
        uri, problem = self.path_of(_get(place, "artifactLocation"))
        region = {k: v for k, v in _dict(_get(place, "region")).items() if isinstance(v, int) and v > 0}
        if not problem and "startLine" not in region:
            problem = "it names no line"
        return Claim(
            *where,
            tool,
            rule_id,
            Level(level) if level in {"error", "warning", "note"} else Level.NOTE,
            _text(_get(result, "message", "text")) or _text(_get(rule, "shortDescription", "text")) or rule_id,
            uri,
            region,
            problem,
            self.cwes_of(rule_id, rule, result),
            _text(_get(self.run, "columnKind")) != "unicodeCodePoints",
        )

    def rule_of(self, result: Any) -> Any:  # noqa: ANN401  # any JSON
        index = _get(result, "ruleIndex")
        rules = _list(_get(self.run, "tool", "driver", "rules"))
        if isinstance(index, int) and 0 <= index < len(rules) and not isinstance(_get(result, "rule"), dict):
            return rules[index]
        return self.rules.get(_text(_get(result, "ruleId")) or _text(_get(result, "rule", "id")))

    def cwes_of(self, rule_id: str, rule: Any, result: Any) -> tuple[int, ...]:  # noqa: ANN401  # any JSON
        if rule_id in self.cwes_by_rule:
            return (self.cwes_by_rule[rule_id],)
        said: list[str] = [_text(tag) for owner in (rule, result) for tag in _list(_get(owner, "properties", "tags"))]
        for owner in (rule, result):
            said += [_text(x) for x in (*_list(_get(owner, "properties", "cwe")), _get(owner, "properties", "cwe"))]
        said += [f"CWE-{_text(_get(taxon, 'id'))}" for taxon in _list(_get(result, "taxa"))]
        for relation in _list(_get(rule, "relationships")):
            if _text(_get(relation, "target", "toolComponent", "name")).upper() == "CWE":
                said.append(f"CWE-{_text(_get(relation, 'target', 'id')).removeprefix('CWE-')}")
        numbers = (int(match[1]) for text in said if (match := _CWE.search(text)))
        return tuple(dict.fromkeys(numbers))

    def path_of(self, location: Any) -> tuple[str, str]:  # noqa: ANN401  # any JSON
        """Give the path below the root, or why there is none."""
        raw = _text(_get(location, "uri"))
        if not raw:
            index = _get(location, "index")
            artifacts = _list(_get(self.run, "artifacts"))
            known = isinstance(index, int) and 0 <= index < len(artifacts)
            raw = _text(_get(artifacts[index], "location", "uri")) if known else ""
        if not raw:
            return "", "it names no file"
        base = _text(_get(self.run, "originalUriBaseIds", _text(_get(location, "uriBaseId")), "uri"))
        parts = urlsplit(raw)
        if parts.scheme not in {"", "file"}:
            return "", f"its file is at {parts.scheme}:, which is not read"
        path = Path(unquote(parts.path))
        if not path.is_absolute() and base.startswith("file:"):
            path = Path(unquote(urlsplit(base).path)) / path
        inside = Path(os.path.normpath(self.root / path))
        if not inside.is_relative_to(self.root) and not path.is_absolute():
            return "", "its file is outside of the root"
        if not inside.is_relative_to(self.root):
            inside = _below(self.root, path)
        if not inside.is_file() or not inside.resolve().is_relative_to(self.root.resolve()):
            return "", f"there is no file {unquote(parts.path)!r} below the root"
        return inside.relative_to(self.root).as_posix(), ""


def _below(root: Path, path: Path) -> Path:
    """Find the file that an absolute path of another machine means: the longest tail that exists below the root."""
    parts = path.parts[1:]
    tails = (root.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tail.is_file()), root)


def finding_of(claim: Claim, artifact: Artifact, rules: Mapping[str, Rule], tests: Mapping[str, BanditTest]) -> Finding:
    """Make the claim a finding of the rule of ours that is about the same weakness."""
    rule, confidence = _our_rule(claim, rules, tests)
    rows = artifact.text.split("\n")
    region = _region(claim, rows)
    lines = rows[region.start_line - 1 : region.end_line] or [""]
    lines[-1] = lines[-1][: region.end_column - 1]
    lines[0] = lines[0][region.start_column - 1 :]
    return Finding(
        rule.id,
        rule.cwe,
        Location(artifact.uri, region),
        claim.message,
        confidence,
        aliases=(f"{claim.tool.lower()}:{claim.rule_id}",),
        snippet="\n".join(lines),
    )


def _our_rule(claim: Claim, rules: Mapping[str, Rule], tests: Mapping[str, BanditTest]) -> tuple[Rule, Confidence]:
    """Choose our rule, and say what the claim alone is worth: of Bandit's tests (Ruff's, too) we know."""
    ruff = _RUFF_SECURITY.fullmatch(claim.rule_id) if claim.tool.lower() == "ruff" else None
    test = tests.get(f"B{ruff[1]}" if ruff else claim.rule_id)
    if test is not None:
        return rules[test.rule_id], test.confidence
    for cwe in claim.cwes:
        alike = sorted((r for r in rules.values() if r.cwe == cwe), key=lambda r: (r.kind.value != "flow", r.id))
        if alike:
            return alike[0], Confidence.MEDIUM
    return rules[GENERIC_RULE], Confidence.MEDIUM


def _region(claim: Claim, rows: Sequence[str]) -> Region:
    """Complete a region, within the file: without columns it is whole lines."""
    region = claim.region
    first = min(region["startLine"], len(rows))
    last = min(max(region.get("endLine", first), first), len(rows))

    def column(line: int, number: int) -> int:
        text = rows[line - 1]
        if claim.utf16 and not text.isascii():
            number = (
                len(text.encode("utf-16-le", "surrogatepass")[: 2 * (number - 1)].decode("utf-16-le", "replace")) + 1
            )
        return min(number, len(text) + 1)

    indent = len(rows[first - 1]) - len(rows[first - 1].lstrip()) + 1
    start = column(first, region["startColumn"]) if "startColumn" in region else indent
    end = column(last, region["endColumn"]) if "endColumn" in region else len(rows[last - 1]) + 1
    if (last, end) <= (first, start):
        end = len(rows[last - 1]) + 1
    return Region(first, start, last, max(end, start) if first == last else end)


# --- any JSON --------------------------------------------------------------------------------------------------------


def _rules_of(run: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    components = [_get(run, "tool", "driver"), *_list(_get(run, "tool", "extensions"))]
    return {_text(_get(rule, "id")): rule for c in components for rule in _list(_get(c, "rules"))}


def _get(value: Any, *keys: str) -> Any:  # noqa: ANN401  # any JSON
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _list(value: Any) -> list[Any]:  # noqa: ANN401  # any JSON
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Any:  # noqa: ANN401  # any JSON
    return next(iter(_list(value)), None)


def _text(value: Any) -> str:  # noqa: ANN401  # any JSON
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def files_of(claims: Sequence[Claim]) -> Iterator[str]:
    """Yield each file that claims are about, once, sorted."""
    yield from sorted({claim.uri for claim in claims if claim.uri})
