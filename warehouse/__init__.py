"""The warehouse: what its tables are called and hold, the SQL that builds them and the checks they must pass."""
