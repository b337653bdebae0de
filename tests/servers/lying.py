"""A scripted IMAP server that behaves until it is told to lie.

It speaks enough of RFC 3501 for the connector, in clear, on loopback, and keeps its mail in memory. `lies`
is a set of names, changed while it runs; each is explained where it is acted upon.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.servers.lying_mail import Folder, Mail, fetched

CAPABILITIES = "IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE IDLE SPECIAL-USE"


class LyingServer:
    """Listens while the `with` block lasts; `commands` is all that it was asked."""

    def __init__(self, capabilities: str = CAPABILITIES) -> None:
        self.capabilities = capabilities
        self.lies: set[str] = set()
        self.folders = {"INBOX": Folder(7), "Drafts": Folder(8)}
        self.commands: list[bytes] = []
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sessions: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]

    @property
    def inbox(self) -> Folder:
        """The INBOX."""
        return self.folders["INBOX"]

    def __enter__(self) -> LyingServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sessions:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sessions.append(sock)
                threading.Thread(target=Conversation(self, sock).hold, daemon=True).start()


class Conversation:
    """One client's connection."""

    def __init__(self, server: LyingServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.lines = sock.makefile("rb")
        self.folder: Folder | None = None

    def hold(self) -> None:
        """Until either side has enough."""
        with suppress(OSError, ValueError):
            if "crowded" in self.server.lies:  # turns clients away as busy servers do
                self.send(b"* BYE Too many simultaneous connections")
                return
            self.send(b"* OK ready")
            while line := self.lines.readline():
                self.server.commands.append(line.rstrip())
                tag, _, rest = line.rstrip().partition(b" ")
                name, _, args = rest.partition(b" ")
                if name.upper() == b"UID":
                    name, _, args = args.partition(b" ")
                getattr(self, f"do_{name.decode().lower()}")(tag, args)
        with suppress(OSError):
            self.lines.close()
            self.sock.close()

    def send(self, *lines: bytes) -> None:
        """Lines of an answer."""
        data = b"".join(line + b"\r\n" for line in lines)
        if "drip" in self.server.lies:  # never silent for long, and never done
            for byte in data:
                self.sock.sendall(bytes([byte]))
                if self.server.over.wait(0.2):
                    return
        self.sock.sendall(data)

    def hang(self) -> None:
        """Say nothing until the test is over, or the truth is asked for again."""
        while self.server.lies and not self.server.over.wait(0.05):
            pass
        raise OSError

    def done(self, tag: bytes, text: bytes = b"OK done") -> None:
        """Complete a command."""
        self.send(tag + b" " + text)

    def do_capability(self, tag: bytes, _: bytes) -> None:
        self.send(b"* CAPABILITY " + self.server.capabilities.encode())
        self.done(tag)

    def do_authenticate(self, tag: bytes, _: bytes) -> None:
        self.send(b"+ ")
        self.lines.readline()
        if "denied" in self.server.lies:
            self.done(tag, b"NO [AUTHENTICATIONFAILED] no")
        else:
            self.done(tag)

    def do_noop(self, tag: bytes, _: bytes) -> None:
        self.done(tag)

    def do_logout(self, tag: bytes, _: bytes) -> None:
        self.send(b"* BYE bye")
        self.done(tag)

    def do_list(self, tag: bytes, args: bytes) -> None:
        wanted = args.split()[-1].strip(b'"').decode()
        for name in self.server.folders:
            if wanted in ("*", name):
                use = b"\\drafts" if name == "Drafts" else b""
                self.send(b'* LIST (%s) "/" "%s"' % (use, name.encode()))
        self.done(tag)

    def do_create(self, tag: bytes, args: bytes) -> None:
        if "create_refused" in self.server.lies:
            self.done(tag, b"NO no more folders")
            return
        self.server.folders[args.strip(b'"').decode()] = Folder(20 + len(self.server.folders))
        self.done(tag)

    do_subscribe = do_noop

    def do_status(self, tag: bytes, args: bytes) -> None:
        name = args.split()[0]
        folder = self.server.folders[name.strip(b'"').decode()]
        self.send(b"* STATUS %s (UIDNEXT %d UIDVALIDITY %d)" % (name, folder.uidnext, folder.validity))
        self.done(tag)

    def do_select(self, tag: bytes, args: bytes) -> None:
        name = args.strip(b'"').decode()
        if name not in self.server.folders:
            self.done(tag, b"NO no such thing")
            return
        if "hang_select" in self.server.lies:
            self.hang()
        self.folder = self.server.folders[name]
        permanent = b"\\Answered \\Deleted \\Draft" + (b"" if "no_keywords" in self.server.lies else b" \\*")
        self.send(
            b"* FLAGS (\\Answered \\Deleted \\Draft)",
            b"* OK [PERMANENTFLAGS (%s)] limited" % permanent,
            b"* %d EXISTS" % len(self.folder.mails),
            b"* 0 RECENT",
            b"* OK [UIDVALIDITY %d] valid" % self.folder.validity,
            b"* OK [UIDNEXT %d] next" % self.folder.uidnext,
        )
        self.done(tag, b"OK [READ-WRITE] open")

    def do_search(self, tag: bytes, args: bytes) -> None:
        assert self.folder is not None
        low, _, high = args.split()[1].partition(b":")
        found = [u for u in self.folder.mails if int(low) <= u <= int(high or low)]
        if b"HEADER" in args:
            ids = re.findall(rb"<[^>]+>", args)
            found = [u for u in found if any(i in self.folder.mails[u].parts[0] for i in ids)]
        self.send(b"* SEARCH " + b" ".join(b"%d" % u for u in found))
        self.done(tag)

    def do_fetch(self, tag: bytes, args: bytes) -> None:
        uids, _, items = args.partition(b" ")
        for seq, uid, mail in self._chosen(uids):
            if f"vanished {uid}" in self.server.lies:  # SEARCH named it, and FETCH does not know it
                continue
            values = [b"UID %d" % uid, *fetched(uid, mail, items, self.server.lies)]
            line = b"* %d FETCH (%s)" % (seq, b" ".join(values))
            if f"cut {uid}" in self.server.lies and b"BODY" in items:  # dies of this message
                raise OSError
            if f"hang {uid}" in self.server.lies and b"BODY" in items:  # stops in the middle of a literal
                self.sock.sendall(line[: len(line) - 20])
                self.hang()
            self.send(line)
        self.done(tag)

    def do_store(self, tag: bytes, args: bytes) -> None:
        uids, what, given = args.split(b" ", 2)
        words = {w.decode().strip('"') for w in given.strip(b"()").split()}
        if "keywords_refused" in self.server.lies and any(not w.startswith("\\") for w in words):
            self.done(tag, b"NO [CANNOT] no keywords")
            return
        for seq, uid, mail in self._chosen(uids):
            target = mail.labels if b"LABELS" in what else mail.flags
            shown = target | words
            if (
                "store_ignored" not in self.server.lies
            ):  # otherwise it says OK, shows the flag, and forgets it
                change: Callable[[set[str]], None] = (
                    target.update if what[:1] == b"+" else target.difference_update
                )
                change(words)
                shown = target
            name = b"X-GM-LABELS" if b"LABELS" in what else b"FLAGS"
            self.send(b"* %d FETCH (UID %d %s (%s))" % (seq, uid, name, " ".join(sorted(shown)).encode()))
        self.done(tag)

    def do_append(self, tag: bytes, args: bytes) -> None:
        name = args.split()[0].strip(b'"').decode()
        self.send(b"+ go")
        raw = self.lines.read(int(args.rpartition(b"{")[2].rstrip(b"}")))
        self.lines.readline()
        folder = self.server.folders[name]
        uid = folder.add(Mail(raw, {"\\Draft", "\\Seen"}))
        if "append_cut" in self.server.lies:  # the draft is stored and the answer is lost
            self.server.lies.discard("append_cut")
            raise OSError
        code = (
            b"[APPENDUID %d %d] " % (folder.validity, uid) if "UIDPLUS" in self.server.capabilities else b""
        )
        self.done(tag, b"OK " + code + b"stored")

    def do_copy(self, tag: bytes, args: bytes) -> None:
        self._transfer(tag, args, keep=True)

    def do_move(self, tag: bytes, args: bytes) -> None:
        self._transfer(tag, args, keep=False)

    def _transfer(self, tag: bytes, args: bytes, *, keep: bool) -> None:
        assert self.folder is not None
        uids, _, name = args.partition(b" ")
        target = self.server.folders.get(name.strip(b'"').decode())
        if target is None or "move_refused" in self.server.lies:
            self.done(tag, b"NO [TRYCREATE] no such folder" if target is None else b"NO not there")
            return
        for _, uid, mail in self._chosen(uids):
            new = target.add(Mail(mail.raw, set() if "flags_lost" in self.server.lies else set(mail.flags)))
            if not keep:
                del self.folder.mails[uid]
            if "UIDPLUS" in self.server.capabilities:
                self.send(b"* OK [COPYUID %d %d %d] there" % (target.validity, uid, new))
        self.done(tag)

    def do_expunge(self, tag: bytes, args: bytes) -> None:
        assert self.folder is not None
        for _, uid, mail in self._chosen(args):
            if "\\Deleted" in mail.flags:
                del self.folder.mails[uid]
        self.done(tag)

    def do_idle(self, tag: bytes, _: bytes) -> None:
        lies = self.server.lies
        if "early_exists" in lies:  # as Exchange does, before the continuation
            self.send(b"* 1521 EXISTS")
        self.send(b"+ idling")
        if "bye_in_idle" in lies:
            self.send(b"* BYE going down")
            raise OSError
        if "half_line" in lies:
            self.sock.sendall(b"* 3 EXI")
        if "flood" in lies:
            while not self.server.over.wait(0.01):
                self.send(b"* 4 EXISTS")
        self.lines.readline()
        self.done(tag)

    def _chosen(self, uids: bytes) -> list[tuple[int, int, Mail]]:
        assert self.folder is not None
        wanted = {int(u) for u in uids.split(b",")}
        return [(n, u, m) for n, (u, m) in enumerate(self.folder.mails.items(), 1) if u in wanted]
