"""A sample mailbox of fifty written messages, and what lays it out for the daemon to run on."""
