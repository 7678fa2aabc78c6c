"""How a Chinese name is spelled in Latin letters, without tones: every spelling that it is looked up by. Pure."""

import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import orjson

from customer_360.surnames import READ_AS, surname_of


def spellings(name: str) -> tuple[tuple[str, ...], ...]:
    """The syllables of a person's name, once for each way in which its surname is read; () without a Han character."""
    if not any(map(is_han, name)):
        return ()
    surname = surname_of(name)
    given = tuple(map(syllable, name[len(surname) :]))
    return tuple([first + given for first in _read_as(surname)])


@lru_cache(maxsize=2048)
def _read_as(surname: str) -> tuple[tuple[str, ...], ...]:
    """The ways in which a surname is read: as a surname, and as its characters commonly are."""
    read = [tuple(reading.split()) for reading in READ_AS.get(surname, ())]
    return tuple(dict.fromkeys([*read, tuple(map(syllable, surname))]))


def phrase(name: str) -> tuple[str, ...]:
    """The syllables of an organisation's name, read as words: 重庆 is chong qing. () without a Han character."""
    # Its dictionary of phrases is 50 MB that only imports need.
    from pypinyin import lazy_pinyin

    return tuple(lazy_pinyin(name)) if any(map(is_han, name)) else ()


def is_han(char: str) -> bool:
    """Whether the character is one that has a reading in pinyin."""
    return ord(char) in _dictionary()


@lru_cache(maxsize=32768)
def syllable(char: str) -> str:
    """The commonest reading of a character, `v` for ü; other characters stand for themselves."""
    readings = _dictionary().get(ord(char))
    return char if readings is None else _plain(readings.split(",")[0])


def _plain(reading: str) -> str:
    letters = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@lru_cache(maxsize=1)
def _dictionary() -> dict[int, str]:
    """Code point → readings, from pypinyin's file alone: importing the package would load its phrases as well."""
    spec = find_spec("pypinyin")
    assert spec is not None  # noqa: S101 - a dependency of this package
    assert spec.submodule_search_locations is not None  # noqa: S101
    file = Path(spec.submodule_search_locations[0]) / "pinyin_dict.json"
    return {int(code): readings for code, readings in orjson.loads(file.read_bytes()).items()}


def sort_key(name: str) -> str:
    """Where a name stands in a list: by how it is read, then by its characters."""
    spelled = spellings(name)
    return f"{' '.join(spelled[0])} {name}"[:120] if spelled else name[:120]
