"""Annotators, one file each: what a model is asked about core rows, and how its answer is understood."""
