"""A first mapping for unknown files, as YAML with the reason of every guess beside it."""

import json
import re
from collections.abc import Sequence
from typing import Any

from attune_contracts.datasets import IMPORT_ORDER
from attune_service_kit.files.guessing.profiling import ColumnGuess, profile
from attune_service_kit.files.guessing.sniffing import Sniffed
from attune_service_kit.files.guessing.words import FILES, KINDS, UNITS, dataset_of, likeness
from attune_service_kit.files.mapping import Csv, Excel, FixedWidth, Form
from attune_service_kit.files.targets import ALLOWED, PATTERNS, Target, mappable, options, required

_FITTING: dict[str, tuple[str, ...]] = {
    "VARCHAR": ("id", "code", "text", "number", "flag", "amount", "date"),
    "DATE": ("date", "moment"),
    "TIMESTAMPTZ": ("moment",),
    "BIGINT": ("amount", "number", "id", "code"),
    "INTEGER": ("number", "code", "id", "amount"),
    "DOUBLE": ("amount", "number", "id", "code"),
    "BOOLEAN": ("flag", "code"),
}
# GB/T 2261.1 and ISO/IEC 5218 number the sexes alike.
_MEANINGS = {
    "男": "male", "女": "female", "1": "male", "2": "female",
    "个人": "person", "对私": "person", "对公": "organisation", "企业": "organisation", "单位": "organisation",
}  # fmt: skip
# A code that the draft repeats is short, and of a list: nothing that could be somebody's.
_LONGEST_CODE = 20
_MOST_CODES = 40
# As many columns must speak of a dataset where the file's name says nothing.
_TELLING = 4
# What can be said where no column speaks of it.
_CONSTANTS = {
    ("accounts", "kind"): "demand",
    ("accounts", "currency"): "CNY",
    ("transactions", "currency"): "CNY",
}


def draft(source: str, files: Sequence[Sniffed]) -> str:
    """Return the text of a mapping file; what could not be guessed is named in a comment where it belongs."""
    lines = [
        "# A draft, made from the files themselves. Look at every line: a guess may be wrong, and nothing is imported",
        "# before this file says so. Check it with: attune import --check --mapping THIS-FILE FOLDER",
        f"source: {source}   # never change it once something was imported: it makes the ids",
        "datasets:",
    ]
    taken: dict[str, list[Sniffed]] = {}
    unknown: list[Sniffed] = []
    for file in files:
        name = dataset_of(file.file) or _by_columns(file)
        (unknown if name is None else taken.setdefault(name, [])).append(file)
    for name, found in taken.items():
        lines += _dataset(name, found[0])
        lines += [f"  # {other.file} seems to be {name}, too: a list of parts, if it differs" for other in found[1:]]
    for file in unknown:
        lines += _unknown(file)
    return "\n".join(lines) + "\n"


def _unknown(file: Sniffed) -> list[str]:
    """What of a file can be said without knowing its dataset: to be finished by whoever knows it."""
    written = [f"encoding: {file.encoding}"] if file.encoding != "utf-8" else []
    part = [f"file: {_text(file.file)}", *written, *_form(file.form), "columns: {…: …}"]
    return [
        f"  # {file.file}: no dataset was recognised; its columns: {', '.join(file.names)}",
        f"  # Write which one it is in the place of DATASET ({', '.join(IMPORT_ORDER)}), and its columns:",
        "  # DATASET:",
        *[f"  #   {line}" for line in part],
    ]


def _by_columns(file: Sniffed) -> str | None:
    """The one dataset that most columns speak of, all that it needs among them; None where it is not clear."""
    guesses = profile(file.names, file.rows)
    spoken = {}
    for name in FILES:
        found = _matched(name, guesses)
        said = {*found, *(column for dataset, column in _CONSTANTS if dataset == name)}
        if len(found) >= _TELLING and said >= set(required(name)):
            spoken[name] = len(found)
    best = [name for name, count in spoken.items() if count == max(spoken.values())]
    return best[0] if len(best) == 1 else None


def _dataset(name: str, file: Sniffed) -> list[str]:
    guesses = profile(file.names, file.rows)
    lines = [f"  {name}:"]
    if file.doubt:
        lines.append(f"    # {file.doubt}")
    if dataset_of(file.file) is None:
        lines.append("    # by its columns: the file's name does not say so")
    lines.append(f"    file: {_text(file.file)}")
    if file.encoding != "utf-8":
        lines.append(f"    encoding: {file.encoding}")
    lines += [f"    {line}" for line in _form(file.form)]
    lines.append("    columns:")
    chosen = _matched(name, guesses)
    for target in mappable(name).values():
        if target.name in chosen:
            guess = chosen[target.name]
            lines.append(f"      {target.name}: {_source(target, guess)}   # {guess.words}, {guess.filled:.0%} filled")
            if isinstance(first := guess.options.get("century"), int):
                year, last = first % 100, f"{(first - 1) % 100:02d}"
                lines.append(
                    f"      # of two digits: {year:02d} to 99 are {first} to 1999, 00 to {last} 2000 to 20{last}"
                )
        elif target.key in _CONSTANTS:
            lines.append(f"      {target.name}: {{constant: {_CONSTANTS[target.key]}}}   # no column says it")
        elif target.name in required(name):
            lines.append(f"      # {target.name}: is needed, and no column was recognised")
    left = [guess for guess in guesses if guess not in chosen.values()]
    lines += [f"      # not used: {guess.name}: {guess.words}, e.g. {_examples(guess)}" for guess in left]
    return lines


def _matched(dataset: str, guesses: Sequence[ColumnGuess]) -> dict[str, ColumnGuess]:
    """Give each column of the dataset the bank's column that sounds most like it and can hold it."""
    scored = [
        (score, target.name, number)
        for target in mappable(dataset).values()
        for number, guess in enumerate(guesses)
        if (score := _score(dataset, target, guess)) > 0
    ]
    found: dict[str, ColumnGuess] = {}
    used: set[int] = set()
    for _, name, number in sorted(scored, key=lambda s: (-s[0], s[1] not in required(dataset), s[2])):
        if name not in found and number not in used:
            found[name] = guesses[number]
            used.add(number)
    return found


def _score(dataset: str, target: Target, guess: ColumnGuess) -> float:
    if guess.kind == "empty" or guess.kind not in _FITTING.get(target.type, ()):
        return 0.0
    sounds = likeness(guess.name, dataset, target.name)
    identifies = target.name in ("source_id", "posting_id") or target.name == f"{dataset.removesuffix('s')}_id"
    return sounds if not (identifies and guess.repeated) else sounds * 0.5


def _source(target: Target, guess: ColumnGuess) -> str:
    source: dict[str, Any] = {"column": guess.name}
    allowed = options(target)
    source |= {key: value for key, value in guess.options.items() if key in allowed}
    if (unit := _unit(guess)) and "unit" in allowed:
        source["unit"] = unit
    if codes := _codes(target, guess):
        source["codes"] = codes
    elif target.type == "BOOLEAN":
        source["codes"] = {code: code in ("Y", "1", "T", "true", "是") for code in sorted(guess.seen)}
    return _flow(source) if len(source) > 1 else _text(guess.name)


def _unit(guess: ColumnGuess) -> str | None:
    """The unit that the column's name speaks of; the smallest coin has no fraction."""
    found = next((unit for unit, pattern in UNITS.items() if pattern.search(guess.name)), None)
    return None if found == "minor" and guess.kind == "amount" else found


def _codes(target: Target, guess: ColumnGuess) -> dict[str, str | None] | None:
    """The bank's codes with what each may mean; None where the values stand for themselves, or are no codes."""
    listed = guess.kind in ("code", "flag")
    few = guess.distinct == len(guess.seen) <= _MOST_CODES and max(map(len, guess.seen), default=0) <= _LONGEST_CODE
    codes = sorted(guess.seen)
    if target.key in ALLOWED and (listed or (few and target.dataset != "parties")):
        return {code: _meaning(code, ALLOWED[target.key]) for code in codes}
    if target.key in PATTERNS and listed and few:
        shape = re.compile(PATTERNS[target.key][0])
        if all(shape.fullmatch(code) and code not in KINDS for code in codes):
            return None
        return {code: _plain_word(code, shape) for code in codes}
    return None


def _plain_word(code: str, shape: re.Pattern[str]) -> str | None:
    """A code of an open list in the form that it must have; null, and so a reject, where a person must name it."""
    found = (KINDS.get(code), code, code.lower(), code.upper())
    return next((word for word in found if word is not None and shape.fullmatch(word)), None)


def _meaning(code: str, allowed: Sequence[str]) -> str | None:
    """The one allowed value that a code is the beginning of; null, and so a reject, where that is not clear."""
    if code in allowed:
        return code
    if _MEANINGS.get(code) in allowed:
        return _MEANINGS[code]
    fitting = [value for value in allowed if value.startswith(code.lower()) or code.lower().startswith(value)]
    return fitting[0] if len(fitting) == 1 else None


def _form(form: Form) -> list[str]:
    if isinstance(form, FixedWidth):
        return ["fixed:", f"  columns: {_flow({name: list(place) for name, place in form.columns.items()})}"]
    if isinstance(form, Excel):
        return [f"excel: {_flow({'skip': form.skip} if form.skip else {})}"]
    said: dict[str, Any] = {}
    plain = Csv()
    if form.separator != plain.separator:
        said["separator"] = form.separator
    if form.quote != plain.quote:
        said["quote"] = form.quote
    if form.names:
        said["names"] = list(form.names)
    return [f"csv: {_flow(said)}"] if said else []


def _flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else _text(str(value))


def _text(text: str) -> str:
    """A text as YAML reads it back: plain where that is safe."""
    plain = text.replace("_", "").replace("-", "").replace(".", "").isalnum() and not text.startswith(("-", "."))
    return text if plain and text.lower() not in ("true", "false", "null") else json.dumps(text, ensure_ascii=False)


def _examples(guess: ColumnGuess) -> str:
    if guess.kind in ("id", "text", "number"):
        return "(not shown: it may be personal)"
    return ", ".join(guess.seen[:3])[:80].replace("\n", " ") or "nothing"
