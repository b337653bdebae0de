"""Quoted history and signatures: what goes, and above all what must stay."""

from __future__ import annotations

import time

import pytest

from smartticket_daemon.quotes import without_history, without_signature

ATTRIBUTIONS = [
    "On Mon, Apr 2, 2012 at 6:26 PM, Megan One <xxx@example.org> wrote:",
    "On 2 April 2012 at 18:26, Megan One\n<xxx@example.org>\nwrote:",
    "On Tue, Sep 25, 2012 at 8:59 AM, Chris\n<notifications@example.org>wrote:",
    "El lun, 2 abr 2012 a las 18:26, Megan (<xxx@example.org>) escribió:",
    "Le lun. 2 avr. 2012 à 18:26, Megan One <xxx@example.org> a écrit :",
    "Le 02/04/2012 à 18:26, Megan One a écrit\u00a0:".replace("\u00a0", " "),
    "Am 02.04.2012 um 18:26 schrieb Megan One <xxx@example.org>:",
    "Am Mo., 2. Apr. 2012 um 18:26 Uhr schrieb Megan One <xxx@example.org>:",
    "Em seg., 2 de abr. de 2012 às 18:26, Megan One <xxx@example.org> escreveu:",
    "Il giorno lun 2 apr 2012 alle ore 18:26 Megan One <xxx@example.org> ha scritto:",
    "Op ma 2 apr. 2012 om 18:26 schreef Megan One <xxx@example.org>:",
    "Den mån 2 apr. 2012 kl 18:26 skrev Megan One <xxx@example.org>:",
    "Den 02.04.2012 kl. 18.26 skrev Megan One:",
    "ma 2. huhtik. 2012 klo 18.26 Megan One (xxx@example.org) kirjoitti:",
    "W dniu 02.04.2012 o 18:26, Megan One pisze:",
    "pon., 2 kwi 2012 o 18:26 Megan One <xxx@example.org> napisał(a):",
    "po 2. 4. 2012 v 18:26 odesílatel Megan One <xxx@example.org> napsal:",
    '02.04.2012 14:20 пользователь "Боб" <xxx@example.org> написал:',
    '26.06.2014, 14:41, "Alexander L" <abc@example.com>:',
    "Megan One <xxx@example.org>, 2 Nis 2012 Pzt, 18:26 tarihinde şunu yazdı:",
    "Megan One <xxx@example.org> ezt írta (időpont: 2012. ápr. 2., H, 18:26):",
    "Megan One <xxx@example.org> 于2012年4月2日周一 18:26写道：",
    "2012年4月2日(月) 18:26 Megan One <xxx@example.org>:",
    "2012년 4월 2일 (월) 오후 6:26, Megan One <xxx@example.org>님이 작성:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize("quote", ["> Old text\n> more", "Old text\n\nmore"])
def test_attribution(attribution: str, quote: str) -> None:
    assert without_history(f"New text\n\n{attribution}\n\n{quote}") == "New text"


HEADER_BLOCKS = {
    "en": "From: A <a@x.org>\nSent: Monday, 2 April 2012 18:26\nTo: B\nSubject: Test",
    "en bold": "*From:* A [mailto:a@x.org]\n*Sent:* Monday\n*To:* b@x.org\n*Subject:* Test",
    "en date first": "Date: Thu, 26 Jun 2014 13:53:45 +0400\nSubject: Test\nFrom: a@x.org\nTo: b@x.org",
    "de": "Von: A <a@x.org>\nGesendet: Montag, 2. April 2012 18:26\nAn: B\nBetreff: Test",
    "fr": "De : A <a@x.org>\nEnvoyé : lundi 2 avril 2012 18:26\nÀ : B\nObjet : Test",
    "es": "De: A <a@x.org>\nEnviado el: lunes, 2 de abril de 2012\nPara: B\nAsunto: Test",
    "pt": "De: A <a@x.org>\nEnviada em: segunda-feira, 2 de abril\nPara: B\nAssunto: Test",
    "it": "Da: A <a@x.org>\nInviato: lunedì 2 aprile 2012\nA: B\nOggetto: Test",
    "nl": "Van: A <a@x.org>\nVerzonden: maandag 2 april 2012\nAan: B\nOnderwerp: Test",
    "sv": "Från: A <a@x.org>\nSkickat: den 2 april 2012\nTill: B\nÄmne: Test",
    "pl": "Od: A <a@x.org>\nWysłano: 2 kwietnia 2012\nDo: B\nTemat: Test",
    "ru, no subject": "От: A\nОтправлено: четверг, 26 июня 2014 г. 15:05\nКому: B",
    "zh": "发件人: A <a@x.org>\n发送时间: 2012年4月2日\n收件人: B\n主题: Test",
    "copies": "From: A\nSent: x\nTo: B; C; D;\nE; F\nCc: G\nSubject: Test",
}


@pytest.mark.parametrize("block", HEADER_BLOCKS.values(), ids=HEADER_BLOCKS)
@pytest.mark.parametrize("rule", ["", "________________________________\n", "-----\n \n------------------\n"])
def test_header_block(block: str, rule: str) -> None:
    text = without_history(f"New text\n{rule}{block}\n\nOld text")
    assert text in ("New text", "New text\n-----")


@pytest.mark.parametrize(
    "separator",
    [
        "-----Original Message-----",
        "----- Original Message -----",
        "-----Ursprüngliche Nachricht-----",
        "-----Message d'origine-----",
        "-----Mensaje original-----",
        "-----Mensagem original-----",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "##- Please type your reply above this line -##",
    ],
)
def test_separator(separator: str) -> None:
    assert without_history(f"New text\n{separator}\nOld text") == "New text"


def test_answers_between_quotes_stay() -> None:
    text = "On 2 Apr 2012, at 18:26, A wrote:\n> One?\n\nYes.\n\n> Two?\nNo.\n> Three"
    assert without_history(text).split() == ["Yes.", "No."]


def test_answer_below_the_quote_stays() -> None:
    assert without_history("On 04/02/2012 06:26 PM, A wrote:\n> Hi\nHello") == "Hello"


def test_trailing_quote_without_attribution_goes() -> None:
    assert without_history("Hello\n\n> Subject: Test\n> From: a@x.org\n>\n> Hi") == "Hello"


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I called and your agent wrote:\nwe will refund you\nThat never happened.",
        "On your remote host you can run:\n\ntelnet localhost\n\nIt fails.",
        "At 10:00 your agent wrote:\nplease wait\nI waited.",
        "Please book\nFrom: London\nTo: Paris\nDate: 12 May 10:30\nTwo adults, thanks.",
        "The error says:\n> cannot open file\n> code 5",
        "I quote you:\n> free shipping\nbut I paid 5 euros",
        "From: is an empty field on my form\nSubject lines too",
        "Original message was lost, please resend",
        "Am 3. Mai schrieb ich Ihnen wegen der Rechnung.\nBitte antworten Sie: dringend!",
        "Le 3 mai j'ai commandé :\nune table\ndeux chaises",
        "I saw - - - - on the screen\n----------\nand then it stopped",
        "> quoted first\nthen my question follows",
    ],
)
def test_customers_words_stay(text: str) -> None:
    assert without_history(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "On 2 Apr 2012 at 18:26, A <a@x.org> wrote:\nOnly history here",
        "From: A\nSubject: Contact form\nDate: today\n\nMessage: it broke",
        "-----Original Message-----\nfrom the shop",
        "> all of it\n> is quoted",
    ],
)
def test_nothing_left_means_everything_stays(text: str) -> None:
    last = text.splitlines()[-1]
    assert last in without_history(text)


def test_forwarded_text_stays() -> None:
    mark = "---------- Forwarded message ---------"
    text = f"see below\n\n{mark}\nFrom: A <a@x.org>\nDate: x\nSubject: y\nTo: b\n\nBroken."
    assert without_history(text) == text


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnn Example\nExample Ltd\n+44 20 7946 0000",
        "Sent from my iPhone",
        "Sent from Mail for Windows 10",
        "Get Outlook for iOS",
        "Enviado desde mi iPhone",
        "Envoyé de mon iPhone",
        "Von meinem iPhone gesendet",
        "Enviado do meu iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Skickat från min iPhone",
    ],
)
def test_signature(signature: str) -> None:
    assert without_signature(f"My question\n\n{signature}") == "My question"


@pytest.mark.parametrize(
    "text",
    [
        "a correct -- signature sits elsewhere",
        "Sent from my desk, is much easier than my mobile phone.",
        "--\nonly this",
        "options:\n--\n" + "\n".join(f"line {n}" for n in range(20)),
    ],
)
def test_no_signature(text: str) -> None:
    assert without_signature(text) == text


@pytest.mark.parametrize(
    "unit",
    ["> x\n", "On 1 May 2024 10:00 <a@b.c\n", "From: x\nTo: y\n", "- - - ", " " * 50 + "\n", "a: ", "\n>"],
)
def test_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        begun = time.perf_counter()
        without_signature(without_history(text))
        return time.perf_counter() - begun

    seconds(1_000)
    assert seconds(100_000) < 2
