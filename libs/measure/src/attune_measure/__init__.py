"""Attune's statistics: arms, intervals, sample ratio, power."""
