"""Reports: each emitter turns a run into text, and does nothing else."""
