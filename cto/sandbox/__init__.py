"""Stand-ins for the public sources, on the loopback, for tests, demos and benchmarks."""

from cto.sandbox.sandbox import FAULTS, Sandbox

__all__ = ["FAULTS", "Sandbox"]
