"""The kind `classifier`: how likely is a yes? LightGBM over the feature snapshot or over a file's columns."""

from datetime import date

from scoring.spec import TrainingSpec, label_window, unseen
from scoring.training.examples import Examples, read_examples
from scoring.training.source import Source
from scoring.training.trained import Say, Trained

Days = tuple[date, date]
"""The first and the last day of a window."""


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read, fit, export, measure; raises SpecRefused, ParityBroken."""
    as_of, examples = read(source, spec)
    say(f"{len(examples.label)} examples of {as_of or 'the file'}")
    # Seconds of import, spared where the data has been refused.
    from scoring.training.over_time import with_stability
    from scoring.training.trainer import train

    return with_stability(train(examples, spec, as_of), source, spec)


def read(source: Source, spec: TrainingSpec) -> tuple[date | None, Examples]:
    """Read the examples of the spec's snapshot or file; raises SpecRefused, NothingUploaded."""
    if spec.file is not None:
        from scoring.training.files import read_file

        with source.upload(spec) as path:
            return None, read_file(path, spec)
    with source.tables("transactions", "accounts", "parties") as con:
        as_of, last = source.features(con, spec)
        return as_of, read_examples(con, spec, window_of(spec, as_of, last))


def window_of(spec: TrainingSpec, as_of: date, last: date | None) -> Days | None:
    """The days in which the answer is looked for; None where seeds are named one by one. Raises SpecRefused."""
    if spec.window is not None:
        return label_window(spec.window, as_of, last)
    season = spec.seeds.season if spec.seeds is not None else None
    return None if season is None else unseen(*season, as_of, last)
