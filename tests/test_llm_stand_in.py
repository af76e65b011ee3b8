"""The stand-in for a model's server: it refuses what a real one refuses, answers as scripted, and breaks on demand."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from annotators._quotes import find_quote
from annotators.pubmed_verdict import SCHEMA
from annotators.stop_reason_reader import SCHEMA as STOP_SCHEMA
from cto import registry
from cto.sample import WORLD
from cto.sandbox import FAULTS, Sandbox

Json = dict[str, Any]
ANSWER = {
    "quote": "FICTIONAL. The drug worked.",
    "primary_endpoint": "yes",
    "direction": "experimental",
    "safety_stop": False,
    "is_about_trial": True,
    "nct_id": "NCT99900001",
    "confidence": "high",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return stand-ins with one answer in the script."""
    with Sandbox() as running:
        line = {
            "contains": ["NCT99900001", "paper"],
            "answer": ANSWER,
            "p": {"primary_endpoint": {"yes": 0.75, "no": 0.25}},
        }
        running.site("llm").add([line])
        yield running


def url(sandbox: Sandbox, path: str = "/chat/completions") -> str:
    return sandbox.environment["CTO_LLM_URL"] + path


def asked(**changes: Any) -> Json:
    document = {
        "model": "scripted",
        "messages": [{"role": "system", "content": "Read."}, {"role": "user", "content": "NCT99900001, its paper"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "v1", "strict": True, "schema": SCHEMA}},
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


def post(sandbox: Sandbox, document: object, **headers: str) -> requests.Response:
    return requests.post(url(sandbox), json=document, headers=headers, timeout=10)


def choice(sandbox: Sandbox, **changes: Any) -> Json:
    response = post(sandbox, asked(**changes))
    assert response.status_code == 200, response.text
    [found] = response.json()["choices"]
    return found


def content(sandbox: Sandbox, **changes: Any) -> str:
    return str(choice(sandbox, **changes)["message"]["content"])


def test_it_is_found_by_variables_but_is_no_source(sandbox: Sandbox) -> None:
    assert sandbox.environment["CTO_LLM_URL"] == f"{sandbox.url}/llm/v1"
    assert sandbox.environment["CTO_LLM_MODEL"] == "scripted"
    assert set(sandbox.urls) == {connector.name for connector in registry.connectors()}


def test_it_lists_its_model(sandbox: Sandbox) -> None:
    [model] = requests.get(url(sandbox, "/models"), timeout=10).json()["data"]
    assert model["id"] == "scripted"


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"messages": None}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user"}]}, 400, "content"),
        ({"model": "other"}, 404, "`other` does not exist"),
        ({"model": None}, 404, "does not exist"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"response_format": {"type": "poem"}}, 400, "response_format"),
        ({"response_format": {"type": "json_schema"}}, 400, "schema"),
        ({"top_logprobs": 2}, 400, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, 400, "top_logprobs"),
    ],
)
def test_a_call_that_a_real_server_refuses_is_refused(sandbox: Sandbox, changes: Json, status: int, said: str) -> None:
    response = post(sandbox, asked(**changes))
    assert response.status_code == status
    assert said in response.json()["error"]["message"]


def test_a_body_that_is_no_json_another_path_and_another_method_are_refused(sandbox: Sandbox) -> None:
    assert requests.post(url(sandbox), data=b"{", timeout=10).status_code == 400
    assert requests.post(url(sandbox, "/embeddings"), json={}, timeout=10).status_code == 404
    assert requests.get(url(sandbox), timeout=10).status_code == 405


def test_a_key_is_demanded_once_it_is_set(sandbox: Sandbox) -> None:
    sandbox.site("llm").key = "s3cret"
    assert post(sandbox, asked()).status_code == 401
    assert post(sandbox, asked(), Authorization="Bearer other").status_code == 401
    assert requests.get(url(sandbox, "/models"), timeout=10).status_code == 401
    assert post(sandbox, asked(), Authorization="Bearer s3cret").status_code == 200


def test_a_prompt_that_is_too_long_and_logprobs_that_it_does_not_know_are_refused(sandbox: Sandbox) -> None:
    sandbox.site("llm").longest = 10
    assert "maximum context length" in post(sandbox, asked()).json()["error"]["message"]
    sandbox.site("llm").longest, sandbox.site("llm").knows_logprobs = 1000, False
    assert "logprobs" in post(sandbox, asked(logprobs=True)).json()["error"]["message"]
    assert json.loads(content(sandbox)) == ANSWER


def test_the_first_line_whose_strings_all_stand_in_the_messages_answers(sandbox: Sandbox) -> None:
    assert json.loads(content(sandbox)) == ANSWER
    other = [{"role": "user", "content": "NCT99900001 alone"}]
    assert json.loads(content(sandbox, messages=other))["primary_endpoint"] == "unclear"
    sandbox.site("llm").add([{"contains": ["alone"], "answer": {"says": "no"}}])
    assert content(sandbox, messages=other) == '{"says": "no"}'


def test_without_a_line_it_answers_what_says_nothing_under_the_schema(sandbox: Sandbox) -> None:
    found = json.loads(content(sandbox, messages=[{"role": "user", "content": "anything"}]))
    assert list(found) == list(SCHEMA["properties"])
    for name, field in SCHEMA["properties"].items():
        value = found[name]
        if "enum" in field:
            assert value in field["enum"]
        elif field["type"] == "boolean":
            assert value is False
        else:
            assert field["minLength"] <= len(value) <= field["maxLength"]
    assert found["primary_endpoint"] == "unclear"
    assert found["direction"] == "unclear"


def test_tokens_are_counted_and_an_answer_ends_at_max_tokens(sandbox: Sandbox) -> None:
    whole = post(sandbox, asked()).json()
    usage = whole["usage"]
    assert usage["completion_tokens"] > 10
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert whole["choices"][0]["finish_reason"] == "stop"
    cut = post(sandbox, asked(max_tokens=5)).json()
    assert cut["usage"]["completion_tokens"] == 5
    assert cut["choices"][0]["finish_reason"] == "length"
    assert whole["choices"][0]["message"]["content"].startswith(cut["choices"][0]["message"]["content"])
    assert choice(sandbox, max_tokens=usage["completion_tokens"])["finish_reason"] == "stop"


def test_log_probabilities_come_for_every_token_and_with_alternatives_where_a_value_begins(sandbox: Sandbox) -> None:
    assert choice(sandbox)["logprobs"] is None
    found = choice(sandbox, logprobs=True, top_logprobs=2)
    tokens = found["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == found["message"]["content"]
    assert all(1 <= len(token["top_logprobs"]) <= 2 for token in tokens)
    [value] = [token for token in tokens if token["token"].endswith("yes")]
    assert value["bytes"] == list(value["token"].encode())
    lead = value["token"].removesuffix("yes")
    chances = {other["token"]: math.exp(other["logprob"]) for other in value["top_logprobs"]}
    assert chances == pytest.approx({lead + "yes": 0.75, lead + "no": 0.25})
    [unstated] = [token for token in tokens if token["token"].endswith("high")]
    assert len(unstated["top_logprobs"]) == 2


def test_no_more_than_its_slots_are_served_together(sandbox: Sandbox) -> None:
    site = sandbox.site("llm")
    site.slots, site.seconds = 2, 0.2
    start = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(lambda _: content(sandbox), range(6)))) == 6
    assert time.monotonic() - start >= 0.6
    site.slots = 6
    start = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: content(sandbox), range(6)))
    assert time.monotonic() - start < 0.6


def test_answers_are_counted_by_question(sandbox: Sandbox) -> None:
    site = sandbox.site("llm")
    content(sandbox)
    content(sandbox, temperature=0.5, seed=3)
    assert list(site.answered.values()) == [2]
    content(sandbox, messages=[{"role": "user", "content": "another"}])
    assert sorted(site.answered.values()) == [1, 2]
    counted = requests.get(f"{sandbox.url}/_sandbox/llm/answered", timeout=10).json()
    assert counted == dict(site.answered)


def test_an_answer_that_is_no_json_comes_once_a_question(sandbox: Sandbox) -> None:
    sandbox.add_fault("invalid_json_once", times=None)
    for question in ("one", "two"):
        messages = [{"role": "user", "content": f"{question}: NCT99900001, its paper"}]
        first = choice(sandbox, messages=messages)
        assert first["finish_reason"] == "stop"
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(first["message"]["content"])
        assert json.loads(content(sandbox, messages=messages)) == ANSWER


def test_an_answer_may_be_cut_quote_what_nobody_wrote_or_be_about_another_trial(sandbox: Sandbox) -> None:
    sandbox.add_fault("cut_at_length")
    cut = choice(sandbox)
    assert cut["finish_reason"] == "length"
    assert json.dumps(ANSWER).startswith(cut["message"]["content"])
    sandbox.add_fault("quote_not_in_abstract")
    wrong = json.loads(content(sandbox))
    assert wrong["quote"] != ANSWER["quote"]
    assert wrong | {"quote": ANSWER["quote"]} == ANSWER
    sandbox.add_fault("other_trial")
    wrong = json.loads(content(sandbox))
    assert wrong["nct_id"] != ANSWER["nct_id"]
    assert wrong | {"nct_id": ANSWER["nct_id"]} == ANSWER
    assert json.loads(content(sandbox)) == ANSWER


def test_a_fault_waits_for_an_answer_that_it_can_hit(sandbox: Sandbox) -> None:
    sandbox.site("llm").add([{"contains": ["plain"], "answer": {"says": "no"}}])
    sandbox.add_fault("quote_not_in_abstract")
    sandbox.add_fault("other_trial")
    assert content(sandbox, messages=[{"role": "user", "content": "plain"}]) == '{"says": "no"}'
    wrong = json.loads(content(sandbox))
    assert (wrong["quote"], wrong["nct_id"]) != (ANSWER["quote"], ANSWER["nct_id"])


def test_the_faults_of_every_site_hit_it_too(sandbox: Sandbox) -> None:
    for name, status in {"rate_limited": 429, "server_error": 500, "unavailable": 503, "blocked": 403}.items():
        sandbox.add_fault(f"llm:{name}")
        assert post(sandbox, asked()).status_code == status
    sandbox.add_fault("llm:html_at_200")
    assert post(sandbox, asked()).text.startswith("<!DOCTYPE")
    sandbox.add_fault("llm:truncated_json")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        post(sandbox, asked()).json()
    sandbox.add_fault("llm:reset_mid_body")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(sandbox, asked())
    sandbox.add_fault("llm:slow")
    start = time.monotonic()
    assert json.loads(content(sandbox)) == ANSWER
    assert time.monotonic() - start >= 0.3


def test_its_own_faults_are_described() -> None:
    assert {"invalid_json_once", "cut_at_length", "quote_not_in_abstract", "other_trial"} <= set(FAULTS)


def test_the_samples_verdicts_quote_the_samples_articles_but_for_one() -> None:
    articles = {line["title"]: line["abstract"] for line in lines("pubmed.jsonl") if "abstract" in line}
    verdicts = [line for line in lines("llm.jsonl") if "primary_endpoint" in line["answer"]]
    wrong = []
    for line in verdicts:
        nct_id, title = line["contains"]
        chances = line["p"]["primary_endpoint"]
        assert line["answer"]["nct_id"] == nct_id
        assert list(line["answer"]) == list(SCHEMA["properties"])
        assert max(chances, key=lambda value: chances[value]) == line["answer"]["primary_endpoint"]
        assert sum(chances.values()) == pytest.approx(1)
        text = " ".join(part["text"] for part in articles[title])
        wrong += [nct_id] if find_quote(text, line["answer"]["quote"]) is None else []
    assert {line["answer"]["primary_endpoint"] for line in verdicts} == {"yes", "no", "mixed", "unclear"}
    assert wrong == ["NCT99900033"]


def test_the_sample_tells_why_a_trial_was_stopped_in_the_records_own_words() -> None:
    told = [line for line in lines("llm.jsonl") if "reason" in line["answer"]]
    assert told
    reasons = {study["protocolSection"]["statusModule"].get("whyStopped") for study in lines("studies.jsonl")}
    for line in told:
        assert list(line["answer"]) == list(STOP_SCHEMA["properties"])
        assert line["contains"][0] in reasons
        assert line["answer"]["quote"] in line["contains"][0]


def lines(name: str) -> list[Json]:
    return [json.loads(line) for line in (WORLD / name).read_text(encoding="utf-8").splitlines()]
