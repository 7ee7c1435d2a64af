"""From texts to the rows that a byte model is trained on.

``prepare`` reads inputs of any kind. They are cut into *pieces*; a piece becomes a *part*, on any process; the parts,
in their order, become *shards*: files of bytes, mapped into memory by ``Shards``. ``Rows`` cuts the documents,
shuffled anew each epoch, into rows of equal length, each a function of its number alone. So the shards are the same
byte for byte however many processes made them and however often they were killed, and the state of a reader is the
number of the next row. Where an entropy model cuts patches, ``measure`` computes once how uncertain it is behind each
byte, and ``Uncertainties`` maps that into memory for ``Rows``. Only ``measure`` needs torch.
"""
