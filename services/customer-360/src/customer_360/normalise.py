"""The one form of a name, phone or document under which it is found again. Pure."""

import re
import unicodedata
from datetime import date

import phonenumbers
from stdnum.cn import ric

# Nearly every number of the home market is a mobile one, whose form needs no parser.
_MOBILE = re.compile(r"(?:\+?86)?(1[3-9]\d{9})", re.ASCII)
_OLD_CARD = re.compile(r"\d{6}(\d{2})(\d{2})(\d{2})\d{3}")


def name(text: str) -> str:
    """Letters and digits only, one case and width: `欧阳 娜娜`, `Ｗang Wu`, `阿依古丽·买买提` as people retype them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded if folded.isalnum() else "".join(char for char in folded if char.isalnum())


def spelling(text: str) -> str:
    """Pinyin as it was typed: without spaces and tones, `v` for ü in whatever form."""
    letters = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    letters = letters.replace("u\u0308", "v").replace("u:", "v")
    plain = "".join(char for char in letters if char.isascii() and char.isalnum())
    # Passports write lyu and nyu; no other syllable has that form.
    return plain.replace("lyu", "lv").replace("nyu", "nv")


def phone(text: str, region: str) -> str:
    """E.164 of the bank's region where the number is a possible one, else its digits as they are."""
    if region == "CN" and (mobile := _MOBILE.fullmatch(text)):
        return "+86" + mobile[1]
    digits = unicodedata.normalize("NFKC", text).translate(_PHONE_MARKS).partition("转")[0]
    if region == "CN" and (mobile := _MOBILE.fullmatch(digits)):
        return "+86" + mobile[1]
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", digits)
    if not phonenumbers.is_possible_number(number):
        return re.sub(r"\D", "", digits)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_PHONE_MARKS = str.maketrans("", "", " \t-()./·\u00a0")


def document(text: str) -> str:
    """Upper-case letters and digits only; an identity card of fifteen digits as the eighteen it became."""
    plain = unicodedata.normalize("NFKC", text).upper()
    if not plain.isalnum():
        plain = "".join(char for char in plain if char.isalnum())
    return _eighteen(plain) or plain


def _eighteen(plain: str) -> str | None:
    """The number that replaced an old identity card: century and check character added; None for anything else."""
    if len(plain) != 15 or not (card := _OLD_CARD.fullmatch(plain)) or plain[:2] not in _PROVINCES:
        return None
    year, month, day = (int(part) for part in card.groups())
    try:
        date(1900 + year, month, day)
    except ValueError:
        return None
    body = f"{plain[:6]}19{plain[6:]}"
    return body + ric.calc_check_digit(body + "0")  # it leaves the last character out


_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
    ]
)
