"""Connector for mailboxes over IMAP."""

from smartticket_connectors.imap.connector import ImapConnector

__all__ = ["ImapConnector"]
