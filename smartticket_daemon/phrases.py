"""Words that mail programs put into text, in many languages: attributions, labels, separators, signatures."""

from __future__ import annotations

import re


def _any_of(words: str) -> str:
    return "|".join(re.escape(word.strip()) for word in words.split("|"))


_STARTS = (
    "On|El|Le|Am|Em|Il|Op|Den|På|W dniu|Dnia|Dne|Dňa|În data|Pe|A|Ngày|Vào|Pada|Στις|Il giorno|Em data|El dia"
)
ATTRIBUTION_START = re.compile(rf"[ \t]*(?:{_any_of(_STARTS)})\s", re.IGNORECASE)
"""How the languages begin that put the date first: On, El, Le, Am, Em, Il, Op, Den ..."""

_VERBS = (
    "escribió|escribio|a écrit|a ecrit|schrieb|geschrieben|escreveu|ha scritto|scrive|schreef|skrev|"
    "kirjoitti|napisał|napisał(a)|napisała|pisze|napsal|napsal(a)|napísal|napísal(a)|написал|написал(а)|"
    "написала|пишет|писал|написав|пише|ezt írta|írta|a scris|yazdı|έγραψε|đã viết|menulis|va escriure|"
    "kirjutas|rašė|rakstīja|je napisao|je napisala|כתב|כתבה|كتب|เขียน"
)
ATTRIBUTION_VERB = re.compile(
    rf"(?<!\w)(?:{_any_of(_VERBS)})(?!\w)|(?<![^\W\d_])wrote(?!\w)|写道|寫道|のメッセージ|님이 작성|のメール",
    re.IGNORECASE,
)
"""The verb of an attribution; `wrote` may follow an address without a space."""

_ORIGINAL = (
    "original message|original email|original e-mail|ursprüngliche nachricht|originalnachricht|"
    "ursprüngliche e-mail|mensaje original|message d'origine|message d’origine|message original|"
    "message initial|"
    "mensagem original|messaggio originale|messaggio original|oorspronkelijk bericht|oorspronkelijke bericht|"
    "ursprungligt meddelande|originalmeddelande|oprindelig meddelelse|original meddelelse|"
    "opprinnelig melding|"
    "alkuperäinen viesti|oryginalna wiadomość|wiadomość oryginalna|původní zpráva|pôvodná správa|"
    "исходное сообщение|оригинальное сообщение|вихідне повідомлення|orijinal mesaj|orijinal ileti|"
    "özgün ileti|"
    "eredeti üzenet|mesaj original|mesajul original|αρχικό μήνυμα|missatge original|原始邮件|原始郵件|"
    "元のメッセージ|원본 메일|원본 메시지|tin nhắn gốc|pesan asli"
)
SEPARATOR_LINE = re.compile(rf"[ \t]*-{{2,}}[ \t]*(?:{_any_of(_ORIGINAL)})[ \t]*-{{2,}}[ \t]*", re.IGNORECASE)
"""A line of its own above the history."""

_REPLY_ABOVE = (
    r"(?:please )?(?:type|write|reply|enter)[\w ]{0,30} above this line",
    r"bitte antworten sie oberhalb dieser (?:zeile|linie)",
    r"(?:veuillez )?(?:répondre|répondez) au-dessus de cette ligne",
    r"(?:por favor,? )?(?:responda|escriba su respuesta) (?:por encima|encima) de esta línea",
)
REPLY_ABOVE = re.compile(
    rf"[ \t]*[#*-]{{2,20}}[ \t#*-]{{0,20}}(?:{'|'.join(_REPLY_ABOVE)})[ \t#*.-]{{0,20}}", re.IGNORECASE
)
"""The line helpdesks put on top of their mails, with marks before it; what is below it was theirs."""

_FORWARDED = (
    "forwarded message|forwarded by|begin forwarded message|forward message|weitergeleitete nachricht|"
    "anfang der weitergeleiteten nachricht|weitergeleitete e-mail|message transféré|message réexpédié|"
    "début du message réexpédié|début du message transféré|mensaje reenviado|inicio del mensaje reenviado|"
    "mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada|"
    "início da mensagem reencaminhada|messaggio inoltrato|inizio messaggio inoltrato|doorgestuurd bericht|"
    "begin doorgestuurd bericht|vidarebefordrat meddelande|videresendt meddelelse|videresendt melding|"
    "välitetty viesti|wiadomość przekazana|przekazana wiadomość|přeposlaná zpráva|"
    "пересылаемое сообщение|пересланное сообщение|переслане повідомлення|iletilmiş mesaj|iletilen mesaj|"
    "továbbított üzenet|mesaj redirecționat|missatge reenviat|转发的邮件|轉寄的郵件|转发邮件|"
    "転送されたメッセージ|전달된 메시지|전달된 메일"
)
FORWARD_LINE = re.compile(
    rf"[ \t>]*(?:-{{2,}}[ \t]*)?(?:{_any_of(_FORWARDED)})[^\n]{{0,60}}?(?:-{{2,}}|[:：])[ \t]*", re.IGNORECASE
)
"""Above a forwarded message, which the customer wants us to read."""

_LABELS = {
    "from": "from|von|de|da|van|från|fra|frå|lähettäjä|od|от|от кого|від|kimden|gönderen|feladó|de la|από|"
    "expéditeur|remitente|remetente|mittente|afzender|发件人|寄件者|差出人|보낸 사람|보낸사람|送信者|dari|từ",
    "sent": "sent|gesendet|gesendet am|envoyé|envoyé le|enviado|enviado el|enviada|enviada em|enviado em|"
    "inviato|data invio|verzonden|skickat|skickat den|sendt|lähetetty|wysłano|wysłane|odesláno|odoslané|"
    "отправлено|надіслано|gönderildi|gönderilme tarihi|elküldve|trimis|στάλθηκε|"
    "发送时间|寄件日期|送信日時|보낸 날짜",
    "date": "date|datum|fecha|data|dato|päivämäärä|дата|tarih|dátum|ημερομηνία|日期|日時|날짜|tanggal|ngày",
    "to": "to|an|à|a|para|per|aan|till|til|vastaanottaja|do|komu|кому|кому:|кому|kime|kime:|címzett|către|"
    "προς|destinataire|destinatario|destinatário|收件人|宛先|받는 사람|받는사람|kepada|đến",
    "subject": "subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|temat|předmět|"
    "predmet|тема|konu|tárgy|subiect|θέμα|主题|主旨|件名|제목|subjek|chủ đề",
}
HEADER_LABELS = {word: kind for kind, words in _LABELS.items() for word in words.split("|")}
"""Label of a header block, in lower case, to its kind."""

_DEVICE = r"[\w’'®™.+&/() -]{2,40}"
CLIENT_SIGNATURE = re.compile(
    rf"(?:sent (?:from|via|with|using) (?:my |the |a )?{_DEVICE}"
    rf"|get outlook for {_DEVICE}"
    rf"|(?:von|aus) (?:meinem|meiner) {_DEVICE} (?:gesendet|geschickt)|gesendet (?:von|mit|aus) {_DEVICE}"
    rf"|diese nachricht wurde von meinem {_DEVICE} gesendet|outlook für {_DEVICE} herunterladen"
    rf"|enviado (?:desde|con|do|da|a partir do|pelo|via) {_DEVICE}|obtener outlook para {_DEVICE}"
    rf"|obter o? ?outlook para {_DEVICE}"
    rf"|envoyé (?:de|depuis|à partir de) (?:mon |ma )?{_DEVICE}|envoyé d['’]{_DEVICE}"
    rf"|obtenir outlook pour {_DEVICE}|télécharger outlook pour {_DEVICE}"
    rf"|inviato (?:da|dal|con) (?:mio )?{_DEVICE}|scarica outlook per {_DEVICE}|ottieni outlook per {_DEVICE}"
    rf"|verzonden (?:vanaf|vanuit|met) (?:mijn )?{_DEVICE}|verstuurd (?:vanaf|met) (?:mijn )?{_DEVICE}"
    rf"|outlook voor {_DEVICE} downloaden|download outlook voor {_DEVICE}"
    rf"|skickat från (?:min )?{_DEVICE}|sendt fra (?:min )?{_DEVICE}|lähetetty {_DEVICE}"
    rf"|wysłane z {_DEVICE}|отправлено с {_DEVICE})[.!]?",
    re.IGNORECASE,
)
"""A whole line that a mail program adds on its own."""

_AUTOMATIC = (
    "automatic reply|automatic response|auto reply|auto-reply|autoreply|auto response|auto-response|"
    "autoresponse|automated reply|automated response|out of office|out-of-office|out of the office|ooo|"
    "out of office reply|out of office autoreply|vacation reply|vacation message|vacation notice|"
    "i am out of the office|"
    "respuesta automática|respuesta automatica|contestación automática|fuera de la oficina|fuera de oficina|"
    "ausente de la oficina|mensaje de ausencia|"
    "réponse automatique|reponse automatique|absence du bureau|absent du bureau|message d'absence|"
    "message d’absence|notification d'absence|notification d’absence|"
    "abwesenheitsnotiz|abwesenheitsmeldung|abwesenheitsnachricht|abwesenheitsassistent|automatische antwort|"
    "automatische rückantwort|automatische abwesenheitsnotiz|nicht im büro|"
    "resposta automática|resposta automatica|fora do escritório|fora do escritorio|ausência do escritório|"
    "mensagem de ausência|aviso de ausência|"
    "risposta automatica|fuori sede|fuori ufficio|assenza dall'ufficio|assenza dall’ufficio|"
    "messaggio di assenza|avviso di assenza|"
    "automatisch antwoord|automatisch bericht|afwezigheidsbericht|afwezigheidsmelding|"
    "afwezigheidsassistent|niet op kantoor|"
    "autosvar|automatiskt svar|frånvaromeddelande|automatisk svar|fraværsmelding|fraværsassistent|"
    "automaattinen vastaus|poissaoloviesti|autoodpowiedź|odpowiedź automatyczna|automatická odpověď|"
    "автоответ|автоматический ответ|otomatik yanıt|automatikus válasz|自動返信|自动回复|自動回覆|자동 회신"
)
_UNTIL = "re|aw|until|till|from|bis|vom|von|du|jusqu|hasta|del|até|dal|fino|tot|van"
AUTOMATIC_SUBJECT = re.compile(
    rf"\s*(?:{_any_of(_AUTOMATIC)})(?:\s*(?:[:：]|\Z|[-–—(|]\s?)|\s+(?:{_UNTIL})\b)", re.IGNORECASE
)
"""How the subject of an automatic reply begins: the form, then a colon, a dash, a date or nothing.

Forms that a customer may well write (`On holiday`, `Im Urlaub`) are left out: headers tell those.
"""

_BOUNCES = (
    "undelivered mail returned to sender|mail delivery failed|mail delivery failure|mail delivery subsystem|"
    "mail delivery failed: returning message to sender|delivery status notification|returned mail|"
    "failure notice|undeliverable|undeliverable mail|unzustellbar|onbestelbaar"
)
BOUNCE_SUBJECT = re.compile(rf"\s*(?:{_any_of(_BOUNCES)})\s*(?:[:：(]|\Z)", re.IGNORECASE)
"""How the subject of a delivery report begins; forms that a late parcel may have too are left out."""
