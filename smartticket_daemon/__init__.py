"""The SmartTicket daemon: polls sources, classifies messages, tags, routes and suggests replies."""

__version__ = "0.1.0"
