"""Reads an answer that was asked for under a JSON schema, which servers may ignore, and holds it to that schema."""

from __future__ import annotations

import json

from cto.annotate.annotator import BadAnswerError
from cto.annotate.request import Json, Reply


def read_object(reply: Reply, schema: Json) -> Json:
    """Return the answer's object, of exactly the schema's fields.

    Known of a field: ``type`` string (with ``enum`` or ``minLength`` and ``maxLength``) or boolean.

    Raises:
        BadAnswerError: ``cut``, ``invalid_json`` or ``schema``.

    """
    if reply.finish_reason == "length":
        raise BadAnswerError("cut")
    try:
        answer = json.loads(reply.text)
    except ValueError as error:
        raise BadAnswerError("invalid_json", str(error)) from None
    fields: Json = schema["properties"]
    if not isinstance(answer, dict) or answer.keys() != fields.keys():
        raise BadAnswerError("schema", "its fields are not those asked for")
    wrong = [name for name, field in fields.items() if not _fits(answer[name], field)]
    if wrong:
        raise BadAnswerError("schema", ", ".join(wrong))
    return answer


def _fits(value: object, field: Json) -> bool:
    if field["type"] == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    return value in field["enum"] if "enum" in field else field["minLength"] <= len(value) <= field["maxLength"]
