"""Connector for mail on the local disk: a Maildir, an mbox or a directory of .eml files."""

from smartticket_connectors.folder.connector import FolderConnector

__all__ = ["FolderConnector"]
