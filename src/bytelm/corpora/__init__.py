"""Scoring corpora: records are read in chunks, each scored by one call, its results kept until all are there.

The chunks follow from the order of the records alone. So the results are the same, byte for byte, however many
workers share them and however often the work was cut off and taken up again.
"""
