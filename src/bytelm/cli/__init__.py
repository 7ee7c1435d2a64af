"""The command line: it parses arguments, asks the library, and prints. Nothing is computed here."""
