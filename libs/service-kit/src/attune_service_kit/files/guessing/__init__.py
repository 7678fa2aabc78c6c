"""What an unknown file may be: its form, what its columns hold, and a first mapping for a person to finish.

A guess never enters an import: it is written down as a mapping, with the reason beside it, and read again.
"""

from attune_service_kit.files.guessing.drafting import draft
from attune_service_kit.files.guessing.profiling import ColumnGuess, profile
from attune_service_kit.files.guessing.sniffing import Sniffed, sniff

__all__ = ["ColumnGuess", "Sniffed", "draft", "profile", "sniff"]
