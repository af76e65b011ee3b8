"""Label functions: one module each, named as it votes."""
