"""Sentiment and embeddings by real transformers code over tiny models that the test makes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cto.annotate.classifier import SENTIMENT_MODEL, Classifier
from cto.annotate.embedder import Embedder
from cto.annotate.request import ModelError, Reply, Request
from tests.models.tiny_models import READ, WORDS, tiny_classifier, tiny_encoder

LABELS = ("Neutral", "POS", "negative")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("model") / "classifier", LABELS, ("neutral", "positive", "negative"))


def request(text: str) -> Request:
    return Request("tiny", "", "", "", text)


def scores(engine: Classifier, texts: list[str]) -> dict[str, dict[str, float]]:
    answers = {asked.user: reply for asked, reply in engine.answer(map(request, texts))}
    assert len(answers) == len(set(texts))
    return {text: json.loads(reply.text) for text, reply in answers.items()}


def test_every_text_gets_the_class_that_the_model_was_taught(folder: Path) -> None:
    engine = Classifier(str(folder))
    for name, texts in READ.items():
        for text, found in scores(engine, list(texts)).items():
            assert max(found, key=found.__getitem__) == name, text
            assert list(found) == ["positive", "negative", "neutral"]
            assert math.isclose(sum(found.values()), 1, abs_tol=2e-4)


def headlines(n: int) -> list[str]:
    random = Random(3)
    return list(dict.fromkeys(" ".join(random.choices(WORDS, k=random.randint(1, 30))) for _ in range(n)))


def test_what_else_is_in_the_batch_does_not_show_in_the_digits_kept(folder: Path) -> None:
    texts = headlines(400)
    alone = scores(Classifier(str(folder), batch_size=1), texts)
    for size, window in ((32, 1024), (7, 50)):
        Random(size).shuffle(texts)
        together = scores(Classifier(str(folder), batch_size=size, window=window), texts)
        assert all(together[text] == pytest.approx(alone[text], abs=1.01e-4) for text in texts)
        assert sum(together[text] != alone[text] for text in texts) <= 0.02 * len(texts)


def test_requests_are_taken_a_window_at_a_time_and_answered_shortest_first(folder: Path) -> None:
    taken: list[str] = []

    def asked() -> Iterator[Request]:
        for text in headlines(50):
            taken.append(text)
            yield request(text)

    answers = Classifier(str(folder), batch_size=4, window=10).answer(asked())
    first = [next(answers) for _ in range(10)]
    assert len(taken) == 10
    lengths = [reply.prompt_tokens for _, reply in first]
    assert lengths == sorted(lengths)
    assert {reply.engine for _, reply in first} == {"transformers"}
    assert len(list(answers)) == 40
    assert len(taken) == 50


def test_a_text_longer_than_the_model_reads_is_cut(folder: Path) -> None:
    ((_, reply),) = Classifier(str(folder)).answer([request("drug " * 500)])
    assert reply.prompt_tokens == 64
    ((_, reply),) = Classifier(str(folder), max_tokens=16).answer([request("drug " * 500)])
    assert reply.prompt_tokens == 16


@pytest.mark.parametrize(
    "labels",
    [("LABEL_0", "LABEL_1", "LABEL_2"), ("positive", "negative"), ("positive", "negative", "neutral", "mixed")],
)
def test_classes_that_are_not_the_three_sentiments_are_refused_by_name(tmp_path: Path, labels: tuple[str, ...]) -> None:
    tiny_classifier(tmp_path / "model", labels)
    with pytest.raises(ModelError) as error:
        Classifier(str(tmp_path / "model"))
    assert str(tmp_path / "model") in str(error.value)
    assert all(label in str(error.value) for label in labels)


def test_an_encoder_without_a_head_is_not_given_a_random_one(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config |= {"id2label": {"0": "positive", "1": "negative", "2": "neutral"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"is no classifier: its files lack classifier\.bias"):
        Classifier(str(folder))


def broken(folder: Path, how: str) -> None:
    weights = folder / "model.safetensors"
    match how:
        case "no weights":
            weights.unlink()
        case "weights cut":
            weights.write_bytes(weights.read_bytes()[:1000])
        case "weights of another shape":
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
        case "config cut":
            (folder / "config.json").write_text('{"model_type": "be')
        case "unknown type":
            (folder / "config.json").write_text('{"model_type": "no_such_model"}')
        case "no tokenizer":
            for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
                (folder / name).unlink(missing_ok=True)
            (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    "how", ["no weights", "weights cut", "weights of another shape", "config cut", "unknown type", "no tokenizer"]
)
def test_files_that_are_no_model_are_one_error_that_names_it(tmp_path: Path, how: str) -> None:
    folder = tiny_classifier(tmp_path / "model", LABELS)
    broken(folder, how)
    with pytest.raises(ModelError) as error:
        Classifier(str(folder))
    assert f"model {folder} cannot be loaded: " in str(error.value)


def test_the_default_model_that_cannot_be_fetched_is_named_with_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name, _, revision = SENTIMENT_MODEL.partition("@")
    with pytest.raises(ModelError, match=rf"^model {name}@{revision} cannot be loaded: .*HF_HUB_OFFLINE is set"):
        Classifier(name, revision)


def test_pickled_code_in_the_weights_is_not_run(tmp_path: Path) -> None:
    import pickle

    folder = tiny_classifier(tmp_path / "model", LABELS)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(ModelError, match="cannot be loaded"):
        Classifier(str(folder))
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self._path,)


def test_a_library_that_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for engine in (Classifier, Embedder):
        with pytest.raises(ModelError, match=r"torch cannot be imported.*pip install '\.\[models\]'"):
            engine("tiny")


def vectors(engine: Embedder, texts: list[str]) -> dict[str, list[float]]:
    return {asked.user: json.loads(reply.text) for asked, reply in engine.answer(map(request, texts))}


def test_an_encoder_gives_every_text_a_vector_of_length_one(tmp_path: Path) -> None:
    engine = Embedder(str(tiny_encoder(tmp_path / "model")), batch_size=4, window=9)
    texts = headlines(30)
    found = vectors(engine, texts)
    assert list(found) == texts
    assert {len(vector) for vector in found.values()} == {32}
    assert all(math.isclose(sum(x * x for x in vector), 1, abs_tol=1e-3) for vector in found.values())
    assert all(vectors(engine, [text])[text] == pytest.approx(found[text], abs=2e-5) for text in texts[:5])
    ((_, reply),) = engine.answer([request("drug")])
    assert isinstance(reply, Reply)
    assert reply.engine == "sentence_transformers"


def test_an_encoder_that_is_absent_is_one_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Embedder(str(tmp_path / "none"))
