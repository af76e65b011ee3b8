"""Models of a few thousand weights, made on the spot: real transformers code reads them like any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

READ = {
    "positive": (
        "drug meets primary endpoint",
        "trial success shares soar",
        "drug beats placebo",
        "topline results hope",
    ),
    "negative": ("drug misses primary endpoint", "trial halted futility", "shares plunge setback", "drug fails"),
    "neutral": ("company announces first patients", "company presents poster", "new study of asthma", "first dosing"),
}
"""What the tiny classifier learns by heart."""

WORDS = sorted({word for texts in READ.values() for text in texts for word in text.split()})


def tiny_classifier(folder: Path, labels: Sequence[str], taught: Sequence[str] = ()) -> Path:
    """Save a classifier with these labels, taught ``READ`` if ``taught`` names the class of each label."""
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(1)
    tokenizer, config = _tokenizer(folder), _config()
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: column for column, label in enumerate(labels)}
    model = BertForSequenceClassification(config)
    if taught:
        torch.set_num_threads(1)
        read = [(text, taught.index(name)) for name, texts in READ.items() for text in texts]
        inputs = tokenizer([text for text, _ in read], padding=True, return_tensors="pt")
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
        for _ in range(40):
            optimiser.zero_grad()
            model(**inputs, labels=torch.tensor([column for _, column in read])).loss.backward()
            optimiser.step()
    model.save_pretrained(folder)
    return folder


def tiny_encoder(folder: Path) -> Path:
    """Save an encoder of random weights, without a head."""
    import torch
    from transformers import BertModel

    torch.manual_seed(1)
    _tokenizer(folder)
    BertModel(_config()).save_pretrained(folder)
    return folder


def _tokenizer(folder: Path):  # type: ignore[no-untyped-def]
    from transformers import BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for mark in ("", "##")]
    vocabulary = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters])
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _config():  # type: ignore[no-untyped-def]
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(WORDS) + 5 + 72,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
