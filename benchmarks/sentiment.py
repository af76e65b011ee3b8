"""Headlines that a classifier of BERT's size reads per second, batched as they come and sorted by length."""

from __future__ import annotations

import os
import string
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from cto.annotate.classifier import Classifier
from cto.annotate.request import Request
from cto.annotate.weights import device, library

HEADLINES = 512
BATCH = 32
WORDS = 6000


def main() -> None:
    """Build the model, and print a table."""
    random = Random(0)
    words = ["".join(random.choices(string.ascii_lowercase, k=random.randint(2, 10))) for _ in range(WORDS)]
    # Between a news line and a press release with its names and indications: 5 to 60 words, half below 16.
    texts = [
        " ".join(random.choices(words, k=int(min(60, max(5, random.lognormvariate(2.75, 0.5))))))
        for _ in range(HEADLINES)
    ]
    with tempfile.TemporaryDirectory() as folder:
        _save(Path(folder), words)
        print(f"{os.cpu_count()} cores, {device()}, batches of {BATCH}\n")
        print(f"{'order':<28}{'headlines/s':>12}{'seconds':>10}{'tokens':>9}")
        for order, window in (("as they come", BATCH), ("sorted by length", HEADLINES)):
            engine = Classifier(folder, batch_size=BATCH, window=window)
            list(engine.answer(map(_request, texts[:BATCH])))
            start = time.perf_counter()
            tokens = sum(reply.prompt_tokens for _, reply in engine.answer(map(_request, texts)))
            seconds = time.perf_counter() - start
            print(f"{order:<28}{HEADLINES / seconds:>12.1f}{seconds:>10.1f}{tokens:>9,}")


def _request(text: str) -> Request:
    return Request("random", "", "", "", text)


def _save(folder: Path, words: list[str]) -> None:
    """Save a classifier of BERT's size with random weights."""
    transformers: Any = library("transformers")
    vocabulary = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    config = transformers.BertConfig(id2label={0: "positive", 1: "negative", 2: "neutral"})
    transformers.BertForSequenceClassification(config).save_pretrained(folder)


if __name__ == "__main__":
    main()
