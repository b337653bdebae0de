"""From raw mail to a Message, and from a note to a draft. Shared by the connectors that read mailboxes."""
