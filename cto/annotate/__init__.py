"""Annotators: what a model reads in core rows, asked once per input and kept.

An annotator (:mod:`cto.annotate.annotator`) says in SQL what is to be read and how an answer is understood; an engine
(:class:`cto.annotate.request.Engine`) brings questions to a model; the runner keeps every answer by its content.
"""
