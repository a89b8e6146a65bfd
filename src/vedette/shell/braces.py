"""Brace expansion: ``{a,b}`` and ``{1..5}``. Source: the Bash manual, "Brace Expansion"."""

from __future__ import annotations

import itertools
import re

from vedette.shell.tree import Lit, Part, Unreadable, Word

MAX_WORDS = 512
MAX_BRACES = 64
Atom = str | Part
"""One unquoted character, or a part in which none is looked for."""

_NUMBERS = re.compile(r"(-?[0-9]{1,6})\.\.(-?[0-9]{1,6})(?:\.\.(-?[0-9]{1,6}))?\Z", re.ASCII)
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?[0-9]{1,3}))?\Z", re.ASCII)


def braces(word: Word) -> list[Word]:
    """The words that *word* becomes. Raises Unreadable for more than MAX_WORDS."""
    if not any(isinstance(part, Lit) and not part.quoted and "{" in part.text for part in word):
        return [word]
    if sum(part.text.count("{") for part in word if isinstance(part, Lit)) > MAX_BRACES:
        raise Unreadable("too many braces in one word")
    atoms = list[Atom]()
    for part in word:
        if isinstance(part, Lit) and not part.quoted:
            atoms.extend(part.text)
        else:
            atoms.append(part)
    return [_word(found) for found in _expand(atoms)]


def _word(atoms: list[Atom]) -> Word:
    parts, plain = list[Part](), list[str]()
    for atom in [*atoms, None]:
        if isinstance(atom, str):
            plain.append(atom)
            continue
        if plain:
            parts.append(Lit("".join(plain), False))
            plain.clear()
        if atom is not None:
            parts.append(atom)
    return tuple(parts)


def _expand(atoms: list[Atom]) -> list[list[Atom]]:
    for at, atom in enumerate(atoms):
        if atom != "{":
            continue
        found = _choices(atoms, at)
        if found is None:
            continue
        choices, end = found
        tails = _expand(atoms[end:])
        whole = [atoms[:at] + choice + tail for choice in choices for tail in tails]
        if len(whole) > MAX_WORDS:
            raise Unreadable("braces that expand to too many words")
        return whole
    return [atoms]


def _choices(atoms: list[Atom], at: int) -> tuple[list[list[Atom]], int] | None:
    """What the brace at *at* chooses from, and where behind it the word goes on. None: it is no choice."""
    depth, cuts, end = 0, [at], at + 1
    while end < len(atoms):
        atom = atoms[end]
        if atom == "{":
            depth += 1
        elif atom == "}" and depth:
            depth -= 1
        elif atom == "}":
            break
        elif atom == "," and not depth:
            cuts.append(end)
        end += 1
    else:
        # Bash looks inside an unfinished brace for finished ones in ways that are not worth copying.
        if any(atom == "," for atom in atoms[at:]):
            raise Unreadable("braces that are not closed")
        return None
    if len(cuts) > 1:
        cuts.append(end)
        pieces = [atoms[start + 1 : stop] for start, stop in itertools.pairwise(cuts)]
        return [each for piece in pieces for each in _expand(piece)], end + 1
    inner = atoms[at + 1 : end]
    if all(isinstance(atom, str) for atom in inner):
        run = _run("".join(str(atom) for atom in inner))
        if run is not None:
            return [list[Atom](each) for each in run], end + 1
    if "," in inner or ".." in "".join(atom for atom in inner if isinstance(atom, str)):
        raise Unreadable("braces of a form that is not known here")
    return None


def _run(text: str) -> list[str] | None:
    """``1..5`` and ``a..e``, None for anything else."""
    if found := _NUMBERS.match(text):
        first, last, step = found.groups()
        width = max(len(first), len(last)) if _padded(first) or _padded(last) else 0
        return [_number(n, width) for n in _range(int(first), int(last), step)]
    if found := _LETTERS.match(text):
        first, last, step = found.groups()
        if first.isupper() != last.isupper():
            raise Unreadable("braces from one case of letters to the other")
        return [chr(n) for n in _range(ord(first), ord(last), step)]
    return None


def _padded(number: str) -> bool:
    digits = number.lstrip("-")
    return len(digits) > 1 and digits[0] == "0"


def _number(value: int, width: int) -> str:
    return f"{value:0{width}d}" if width else str(value)


def _range(first: int, last: int, step: str | None) -> list[int]:
    stride = abs(int(step or 1)) or 1
    if abs(last - first) // stride >= MAX_WORDS:
        raise Unreadable("braces that expand to too many words")
    down = last < first
    return list(range(first, last + (-1 if down else 1), -stride if down else stride))
