"""The branch tree's closure: every branch with all branches above it, itself included (X23). Pure."""

from collections.abc import Mapping


def closure(parents: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """(ancestor, branch) pairs in order. A parent that is no branch ends the way up; so does a circle."""
    pairs: set[tuple[str, str]] = set()
    for branch in parents:
        above: str | None = branch
        seen: set[str] = set()
        while above is not None and above in parents and above not in seen:
            seen.add(above)
            pairs.add((above, branch))
            above = parents[above]
    return sorted(pairs)
