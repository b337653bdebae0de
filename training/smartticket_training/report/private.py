"""Which words of a text are better not shown: addresses, and what people call themselves and each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from smartticket_model.features import MAX_CHARS, clean, words

NAME_SHARE = 0.05
"""A word is taken for a name when it is introduced as one in this share of the texts that have it."""

_ADDRESS = ("@", "://", "www.")
_WORD = r"([^\W\d_]+)"
_SAID = "|".join(
    (
        "my name is|my name's|mein name ist|ich heiße|je m'appelle|mon nom est|me llamo|mi nombre es",
        "mi chiamo|il mio nome è|meu nome é|me chamo|mijn naam is|ik heet",
    )
)
_MEANT = "|".join(
    (
        "i am|i'm|this is|dear|hi|hello|hey|mr|mrs|ms|regards|thanks|cheers|sincerely|wishes",
        "hallo|frau|herr|herrn|grüße|grüßen|bonjour|cordialement|madame|monsieur|hola|saludos|señor|señora",
        "ciao|saluti|signor|signora|olá|cumprimentos|atenciosamente|senhor|senhora|beste|groet|groeten",
    )
)
_INTRODUCED = re.compile(rf"\b(?:{_SAID})[\s,:]+{_WORD}(?:\s+{_WORD})?", re.IGNORECASE)
_ADDRESSED = re.compile(
    rf"\b(?i:{_MEANT})[.,!:]?\s+([A-ZÀ-ÖØ-Þ][^\W\d_A-ZÀ-ÖØ-Þ]+)(?:\s+([A-ZÀ-ÖØ-Þ][^\W\d_A-ZÀ-ÖØ-Þ]+))?"
)


def plain_words(text: str) -> list[str]:
    """Words as the features have them, without those of addresses."""
    return words(clean(" ".join(w for w in text.split() if not any(mark in w for mark in _ADDRESS))))


def names_in(texts: Iterable[str]) -> set[str]:
    """Words that stand where a name does in a good part of the texts that have them.

    That is behind "my name is" and its like in seven languages, and, with a capital, behind a greeting, a
    title or the closing words. A name that nobody ever says so is not found.
    """
    everywhere: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for text in (whole[:MAX_CHARS] for whole in texts):
        everywhere.update(set(plain_words(text)))
        groups = [*_INTRODUCED.findall(text), *_ADDRESSED.findall(text)]
        named.update({clean(word) for group in groups for word in group if word})
    return {word for word, count in named.items() if count >= NAME_SHARE * everywhere[word]}
