"""Settings of the daemon, the default categories and the reply templates."""
