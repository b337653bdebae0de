"""History of the schema, one file a version; a new one states its own tables and imports nothing of ours."""
