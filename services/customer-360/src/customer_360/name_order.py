"""The order of names: Chinese ones by pinyin, surname first, among the Latin ones. Pure."""

from customer_360 import normalise, pinyin


def name_key(name: str | None) -> tuple[str, str]:
    """What a name is sorted by; no name comes last."""
    if not name:
        return "\uffff", ""
    plain = normalise.name(name)
    spelled = pinyin.spellings(plain)
    syllables = spelled[0] if spelled else tuple(plain)
    return (" " if spelled else "").join(syllables), plain
