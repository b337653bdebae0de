"""How many bytes the imap connector fetches for mails with a large attachment.

    python bench/imap_bytes.py [--count 20] [--size 5000000]

Delivers mails with an attachment to a Dovecot of its own, reads them through a counting relay, and prints the
ratio of bytes received to bytes of new text parts (as they are encoded in the mail).
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from smartticket_connectors.imap import ImapConnector
from smartticket_connectors.mail.parts import split
from tests.servers.mailserver import served

SENTENCE = "the invoice of last month shows an amount that I do not understand please have a look"


class Relay:
    """Passes bytes on to a port and counts those that come back."""

    def __init__(self, target: int) -> None:
        self.received = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.received += len(data) if counted else 0
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def mail(number: int, size: int) -> bytes:
    """About 2 KB of text as plain and HTML, and one attachment."""
    text = "\n".join(SENTENCE for _ in range(25))
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = (
        "ann@customer.example",
        "support@example.org",
        f"Invoice {number}",
    )
    one["Message-ID"] = f"<{number}@customer.example>"
    one.set_content(text)
    one.add_alternative("<p>" + text.replace("\n", "</p>\n<p>") + "</p>", subtype="html")
    one.add_attachment(bytes(size * 3 // 4), maintype="application", subtype="pdf", filename="invoice.pdf")
    return one.as_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--size", type=int, default=5_000_000)
    asked = parser.parse_args()
    with served("dovecot.sh") as server:
        account = server.account()
        mails = [mail(n, asked.size) for n in range(asked.count)]
        account.deliver(*mails)
        relay = Relay(int(server.env["IMAP_PORT"]))
        settings = account.settings(host="127.0.0.1", port=relay.port, tls="none", ca_file=None)
        connector = ImapConnector("bench", settings)
        messages = [m for batch in connector.fetch(None) for m in batch.messages]
        connector.close()
        texts = sum(len(p.data) for raw in mails for p in split(raw)[1] if p.content_type.startswith("text/"))
        figures = {
            "messages": len(messages),
            "mail_bytes": sum(map(len, mails)),
            "text_part_bytes": texts,
            "fetched_bytes": relay.received,
            "fetched_per_text": round(relay.received / texts, 3),
            "fetched_per_mail": round(relay.received / sum(map(len, mails)), 6),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
