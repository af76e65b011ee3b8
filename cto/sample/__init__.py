"""The shipped sample: facts of some real trials, and an invented world."""

from importlib.resources import files
from pathlib import Path

_HERE = Path(str(files(__name__)))

WORLD = _HERE / "world"
"""The invented world: a folder that the stand-ins serve."""

STUDIES = (_HERE / "real_studies.jsonl.gz", WORLD / "studies.jsonl")
"""ClinicalTrials.gov API v2 records, one a line: the real part, then the invented one."""
