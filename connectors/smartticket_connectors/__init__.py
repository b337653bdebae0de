"""The built-in connectors, one module or folder each, found by entry point `smartticket.connectors`."""
