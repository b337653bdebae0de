"""Connector for Request Tracker 5 over its REST 2.0 interface."""

from smartticket_connectors.request_tracker.connector import RequestTrackerConnector

__all__ = ["RequestTrackerConnector"]
