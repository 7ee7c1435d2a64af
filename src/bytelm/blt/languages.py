"""The language of a file, told by its name: patches of code and of prose differ in size."""

from pathlib import PurePath
from typing import Final

OTHER: Final = "other"
"""Of names that tell nothing."""

_SUFFIXES: Final[dict[str, str]] = {
    suffix: language
    for language, suffixes in {
        "Assembly": ".asm .s",
        "C": ".c .h",
        "C#": ".cs",
        "C++": ".cc .cpp .cxx .hh .hpp .hxx",
        "CSS": ".css .less .scss",
        "CSV": ".csv .tsv",
        "Clojure": ".clj .cljs",
        "Cuda": ".cu .cuh",
        "Dart": ".dart",
        "Elixir": ".ex .exs",
        "Erlang": ".erl .hrl",
        "Fortran": ".f .f90 .f95",
        "Go": ".go",
        "HTML": ".htm .html .xhtml",
        "Haskell": ".hs",
        "INI": ".cfg .conf .ini",
        "JSON": ".ipynb .json .jsonl",
        "Java": ".java",
        "JavaScript": ".cjs .js .jsx .mjs",
        "Julia": ".jl",
        "Kotlin": ".kt .kts",
        "LaTeX": ".bib .sty .tex",
        "Lisp": ".el .lisp .scm",
        "Lua": ".lua",
        "Markdown": ".markdown .md",
        "OCaml": ".ml .mli",
        "Objective-C": ".m .mm",
        "PHP": ".php",
        "Perl": ".pl .pm",
        "PowerShell": ".ps1",
        "Python": ".py .pyi .pyx",
        "R": ".r",
        "Ruby": ".rb",
        "Rust": ".rs",
        "SQL": ".sql",
        "SVG": ".svg",
        "Scala": ".scala",
        "Shell": ".bash .fish .sh .zsh",
        "Swift": ".swift",
        "TOML": ".toml",
        "TypeScript": ".ts .tsx",
        "XML": ".xml .xsd .xsl",
        "YAML": ".yaml .yml",
        "Zig": ".zig",
        "reST": ".rst",
        "text": ".log .text .txt",
    }.items()
    for suffix in suffixes.split()
}
_NAMES: Final = {
    "cmakelists.txt": "CMake",
    "dockerfile": "Docker",
    "license": "text",
    "makefile": "Make",
    "readme": "text",
}


def language_of(name: str) -> str:
    """The language that the name of a file tells, whatever the case of its letters; else ``OTHER``."""
    path = PurePath(name.lower())
    return _NAMES.get(path.name) or _SUFFIXES.get(path.suffix, OTHER)
