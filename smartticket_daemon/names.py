"""first_name(): how to greet a person, from the display name of a mail or a helpdesk. Pure.

No greeting beats a wrong one: where a name may be a company, a role, a surname or a user name, the
answer is "".
"""

from __future__ import annotations

import unicodedata


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words(
    "dr dra prof mr mrs ms mx miss sir madam herr frau fr hr sr sra srta don doña m mme mlle me "
    "sig sigra dott dottssa avv ing dhr mevr mevrouw drs ir dipl mag rev"
)
_AFTER_NAMES = _words("phd md mba msc bsc ba ma jr sr esq cpa rn ii iii iv")
_NOT_PEOPLE = _words(
    "accounting accounts ag admin administration bank billing bv co company corp corporation customer "
    "department e.v finance foundation gmbh group helpdesk hotel inc info it kg kundenservice "
    "limited llc ltd mailer marketing newsletter no-reply noreply nv office orders plc purchasing reception "
    "sa sales sarl sas school secretary service services shop soporte spa srl store studio support systems "
    "team the university user verein webmaster & +"
)
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_JOINTS = "'’-"
_LONGEST = 30


def first_name(name: str) -> str:
    """The given name in `name`, or "".

    "Doe, Jane", "Dr. Jane Doe", "DOE Jane" and "jane doe" give Jane. "Mr. Doe", "J. Doe",
    "ACME Corp 24", "JANE DOE", "jane@example.org" and a lone "janedoe" give "". Names written family
    name first without a comma, as in East Asia, give "" too.
    """
    text = unicodedata.normalize("NFC", name).replace('"', " ").strip(" '")
    if "@" in text:
        return ""
    words = _in_order(text).split()
    if any(_bare(word) in _NOT_PEOPLE for word in words) or any(map(str.isdigit, text)):
        return ""
    titled = bool(words) and _bare(words[0]) in _TITLES
    while words and _bare(words[0]) in _TITLES:
        words = words[1:]
    if not words or (titled and len(words) == 1):
        return ""
    return _greeting(words)


def _in_order(text: str) -> str:
    """The name the way it is spoken: of "Doe, Jane" the end first, of "Jane Doe, PhD" the name alone."""
    before, comma, after = text.partition(",")
    if not comma or all(_bare(word) in _AFTER_NAMES for word in after.replace(",", " ").split()):
        return before
    return f"{after} {before}"


def _bare(word: str) -> str:
    return word.strip(".,()").lower()


def _greeting(words: list[str]) -> str:
    word = words[0]
    if _is_name(word) and word.isupper() and len(words) > 1 and not words[1].isupper():
        word = words[1]  # French and Belgian custom: DUPONT Marie
    if not _is_name(word) or word.isupper() or (word.islower() and len(words) == 1):
        return ""
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def _is_name(word: str) -> bool:
    letters = all(unicodedata.category(c)[0] in "LM" or c in _JOINTS for c in word)
    clean = letters and word[0] not in _JOINTS and word[-1] not in _JOINTS
    return clean and 2 <= len(word) <= _LONGEST and not unicodedata.name(word[0], "").startswith(_EAST_ASIAN)
