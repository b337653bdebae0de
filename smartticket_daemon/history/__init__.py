"""What lies at a source, read without changing anything: to learn from it, or to see how one would do."""
