"""Words of mail programs in many languages: attributions, header labels, separators, machine subjects."""
