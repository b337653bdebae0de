"""Connector for Zendesk Support."""

from smartticket_connectors.zendesk.connector import ZendeskConnector

__all__ = ["ZendeskConnector"]
