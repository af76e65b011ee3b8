"""Sources: one module each, defining a connector of the module's name."""
