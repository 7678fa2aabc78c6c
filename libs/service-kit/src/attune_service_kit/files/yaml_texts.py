"""Why a text is no YAML of ours, in Chinese; the reader says it in English. Pure."""

import re
from collections.abc import Callable

# What reading YAML says, as far as it is known; the rest is told by its line alone.
_YAML: tuple[tuple[str, str], ...] = (
    (r"'(?P<key>[^']*)' stands here twice", "键 {key} 重复出现"),
    (r"a key is a text", "键应为文本"),
    (r"nested too deep", "嵌套过深"),
    (r"anchors and aliases are not admitted", "不允许使用锚点与别名"),
    (r"found character .* that cannot start any token", "此处有不能作为开头的字符"),
    (r"mapping values are not allowed here", "此处不应出现冒号，文本请加引号"),
    (r"could not find expected ':'", "缺少冒号"),
    (r"expected .*, but (found|got) .*", "括号、引号或缩进不匹配"),
    (r"the quote that begins here is not closed", "此处的引号未闭合"),
    (r"a character that may not stand here", "此处的字符不允许使用"),
    (r"found unexpected end of stream", "文件提前结束，可能缺少引号或括号"),
    (r"found undefined alias .*", "引用了不存在的别名"),
)


def of_yaml(reason: str) -> str:
    """Why a text is no YAML of ours."""
    found = ((re.search(pattern, reason), text) for pattern, text in _YAML)
    shown: Callable[[re.Match[str], str], str] = lambda match, text: text.format_map(match.groupdict())  # noqa: E731
    return next((shown(match, text) for match, text in found if match is not None), "格式有误")
