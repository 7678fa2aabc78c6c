"""What does not fit in a training's specification, in both languages, and which key says it. Pure."""

from typing import Any, LiteralString

from pydantic_core import PydanticCustomError


def unfit(code: LiteralString, en: LiteralString, zh: str, *keys: str, **context: Any) -> PydanticCustomError:
    """The error to raise: `{name}` stands for what `context` names; `keys`, below where it is raised, say it.

    Who asks over HTTP is told the code; a file's fault has the words and the place of the first key that it has.
    """
    return PydanticCustomError(code, en, context | {"zh": zh.format_map(context), "keys": keys})
