"""Connector for Freshdesk.

settings   what a source can be told
api        every request that is ever made
fields     what the service's answers say, as values
note       our internal note: how it is written, and how it is known again
groups     names of groups
mark       the cursor
walk       the list of tickets, by the time of their last change
past       the list of tickets, by creation, backwards
place      its cursor
names      what fields are called
reader     tickets become messages
look       a ticket just before it is changed, and reasons not to
writer     the changes
check      the diagnosis
"""

from smartticket_connectors.freshdesk.connector import FreshdeskConnector

__all__ = ["FreshdeskConnector"]
