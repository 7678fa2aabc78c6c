"""The demo: a generated bank goes through every part of Attune, and the result is held against the truth."""
