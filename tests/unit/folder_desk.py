"""A folder of mail to test with: what is put there, and what the connector finds."""

from __future__ import annotations

from pathlib import Path

from smartticket_connectors.folder import FolderConnector
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_daemon.domain import Batch, Message, Note

MAIL = b"From: Ann <ann@customer.example>\nSubject: Bill\nMessage-ID: <%d@x.example>\n\nIt is wrong.\n"
NOTE = Note("Hello Ann, we look into it.", "billing.en")


def connector(path: Path, **settings: object) -> FolderConnector:
    return FolderConnector("desk", FolderSettings.model_validate({"path": path, "start": "all", **settings}))


def batches(path: Path) -> list[Batch]:
    return list(connector(path).fetch(None))


def messages(path: Path) -> list[Message]:
    return [message for batch in batches(path) for message in batch.messages]


def unreadable(path: Path) -> list[str]:
    return [bad.ref.position for batch in batches(path) for bad in batch.unreadable]


def tree(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def put(directory: Path, name: str, number: int = 1) -> Path:
    file = directory / name
    file.write_bytes(MAIL % number)
    return file
