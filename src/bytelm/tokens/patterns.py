"""The characters that a regular expression can tell apart.

A pattern is only read for its character sets and literals; what it matches is asked of the tokenizer library.
"""


def pattern_atoms(pattern: str) -> list[str]:
    """The character sets and literals of a regular expression, each as an expression of one character.

    A light reading of the syntax is enough: sets that are split too finely cost time, nothing else. Under an
    inline ``(?i:…)`` literals are taken without their case.
    """
    atoms: list[str] = []
    folded = [False]
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "(":
            i, flag = _group_opening(pattern, i, folded[-1])
            if pattern[i : i + 1] == ")":  # nothing in it, or a setting for the rest of the group around it
                folded[-1] = flag
                i += 1
            else:
                folded.append(flag)
        elif char == ")":
            folded.pop()
            i += 1
        elif char == "[":
            end = _set_end(pattern, i)
            atoms.append(_cased(pattern[i:end], folded[-1]))
            i = end
        elif char == "\\":
            end = _escape_end(pattern, i)
            atoms.append(_cased(_escape_atom(pattern[i:end]), folded[-1]))
            i = end
        elif char == "{":
            i = pattern.index("}", i) + 1
        elif char in "|*+?^$":
            atoms.extend(["\n"] if char in "^$" else [])
            i += 1
        else:
            atoms.append("." if char == "." else _cased(literal(char), folded[-1]))
            i += 1
    return list(dict.fromkeys(atoms))


def _group_opening(pattern: str, i: int, folded: bool) -> tuple[int, bool]:
    """Past the opening of a group, and whether case is ignored inside it."""
    if not pattern.startswith("(?", i):
        return i + 1, folded
    for mark in ("(?<=", "(?<!", "(?:", "(?=", "(?!", "(?>"):
        if pattern.startswith(mark, i):
            return i + len(mark), folded
    end = min(at for at in (pattern.find(":", i), pattern.find(")", i), pattern.find(">", i)) if at > 0)
    flags = pattern[i + 2 : end].split("-")[0]
    inline = "i" in flags and "<" not in flags
    return (end if pattern[end] == ")" else end + 1), folded or inline


def _set_end(pattern: str, i: int) -> int:
    """Past the bracket that closes the set opened at ``i``; sets may be nested."""
    depth, j = 0, i
    while j < len(pattern):
        if pattern[j] == "\\":
            j += 1
        elif pattern[j] == "[":
            depth += 1
        elif pattern[j] == "]" and j > i + 1 and pattern[i + 1 : j] != "^":
            depth -= 1
            if depth == 0:
                return j + 1
        j += 1
    raise ValueError(f"the pre-tokenizer's pattern has a character set that does not end: {pattern[i:]!r}")


def _escape_end(pattern: str, i: int) -> int:
    """Past the escape that starts at ``i``."""
    kind = pattern[i + 1]
    if kind in "pPx" and pattern[i + 2 : i + 3] == "{":
        return pattern.index("}", i) + 1
    return i + {"p": 3, "P": 3, "x": 4, "u": 6}.get(kind, 2)


def _escape_atom(escape: str) -> str:
    """The character set that an escape stands for or, for a word border or an anchor, depends on."""
    return {r"\b": r"\w", r"\B": r"\w", r"\A": "\n", r"\z": "\n", r"\Z": "\n", r"\R": r"[\n\r]"}.get(escape, escape)


def literal(char: str) -> str:
    return "\\" + char if char in r"\|()[]{}^$*+?.&-#" else char


def _cased(atom: str, folded: bool) -> str:
    return f"(?i:{atom})" if folded else atom
