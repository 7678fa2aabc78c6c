"""What every reader reads alike."""

from hypothesis import given
from hypothesis import strategies as st

from attune_service_kit import paths

PIECES = ["/", ".", "..", "...", "a", "%2e", "%2F", "%", "\\", "\n", "\x7f", " ", "é"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_the_quick_answer_is_the_thorough_one(path: str) -> None:
    assert paths.plain(path) == paths._read(path)


def test_what_is_plain() -> None:
    assert paths.plain("/v1/customers/0190/next-best-actions")
    assert not any(map(paths.plain, ["", "v1", "/", "/v1//x", "/v1/../x", "/v1/%2e%2e/x", "/v1/a%2Fb", "/v1/a\\b"]))
