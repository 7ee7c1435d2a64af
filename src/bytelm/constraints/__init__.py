"""Byte models whose outputs obey a constraint: a regular expression, a list of choices, a JSON schema, a grammar."""
