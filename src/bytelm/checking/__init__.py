"""Checking a tokenizer's byte view against the tokenizer itself, and auditing how texts are segmented."""
