"""Some of the files, drawn at random: a fair part of what there is."""

from dataclasses import replace

from bytelm.training.data.finding import Inputs
from bytelm.training.data.options import Options
from bytelm.training.data.order import shuffled


def drawn(inputs: Inputs, options: Options) -> Inputs:
    """The inputs with the files that the options ask for, in the order in which they were.

    A draw of more files has those of a draw of fewer. Of ``options.bytes`` the last file exceeds it, so that there are
    at least so many bytes, unless all files have fewer.
    """
    if options.files is None and options.bytes is None:
        return inputs
    taken: set[int] = set()
    size = 0
    for index in shuffled(len(inputs.files), options.seed, 0).tolist():
        if len(taken) == options.files or (options.bytes is not None and size >= options.bytes):
            break
        taken.add(index)
        size += inputs.files[index].size
    sources = []
    first = 0
    for source in inputs.sources:
        sizes = [inputs.files[index].size for index in range(first, first + source.files) if index in taken]
        sources.append(replace(source, files=len(sizes), bytes=sum(sizes)))
        first += source.files
    files = tuple(file for index, file in enumerate(inputs.files) if index in taken)
    return replace(inputs, sources=tuple(sources), files=files)
