"""How probable the parts of a text are: spans, words as events, tables and heat maps of surprisal."""
