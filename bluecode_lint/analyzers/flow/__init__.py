"""Our own taint analysis: hostile data followed from source to sink, through functions and across modules.

`FlowAnalyzer` is the door. Inside, `knowledge` loads what is known of libraries, `program` analyses a module with an
`interpreter` for each function over the values of `values`, `project` carries summaries between modules, and `report`
turns hits into findings.
"""

from bluecode_lint.analyzers.flow.analyzer import THREAT_MODELS, FlowAnalyzer

__all__ = ["THREAT_MODELS", "FlowAnalyzer"]
