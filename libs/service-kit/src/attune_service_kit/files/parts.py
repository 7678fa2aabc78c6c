"""One part of a dataset through the stage: each chunk of its files becomes typed rows by one statement."""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

from pathlib import Path

from attune_contracts.datasets import DATASETS
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files.convert import Converter, Fault, label_of
from attune_service_kit.files.decode import Chunk, Opened, given, opened
from attune_service_kit.files.mapping import DatasetMapping, Encoding, Form, Join, Mapping
from attune_service_kit.files.reading import ahead, files_of, line_by_line, relation, require
from attune_service_kit.files.sheets import given_rows
from attune_service_kit.files.sources import Source
from attune_service_kit.files.staging import FILE_BITS, LINE_MASK, Stage
from attune_service_kit.files.targets import DEFAULTS, OWN_ID, ROW_RULES, targets
from attune_service_kit.lake_sql import quote

# No fault: the mapping leaves the line out.
_SKIPPED = -1
_LINES = "import_lines"


def stage_part(stage: Stage, mapping: Mapping, part: DatasetMapping, folder: Path) -> None:
    """Read one part of the dataset into the stage. Raises Invalid."""
    _Part(stage, mapping, part, folder).run()


def look_at_part(stage: Stage, mapping: Mapping, part: DatasetMapping, folder: Path) -> None:
    """Refuse what the part's reading would refuse as a whole; of each file only the heading is read. Raises Invalid."""
    _Part(stage, mapping, part, folder).look()


class _Part:
    def __init__(self, stage: Stage, mapping: Mapping, part: DatasetMapping, folder: Path) -> None:
        self.stage, self.con, self.mapping, self.part, self.folder = stage, stage.con, mapping, part, folder
        self.names = tuple(dict.fromkeys(name for row in part.rows or () for name in row))
        self.columns = part.columns if part.rows is None else {name: Source(column=name) for name in self.names}
        # Source columns in use: alias of the file ("" = the dataset's own) → its columns.
        self.used: dict[str, list[str]] = {"": [], **{alias: [] for alias in part.join}}
        self.places: list[tuple[str, str]] = []
        self.converter = Converter(mapping.source, self._resolve)

    def run(self) -> None:
        self._plan()
        for alias, join in self.part.join.items():
            self._read_join(alias, join)
        if self.part.rows is not None:
            rows = given(self.names, given_rows(self.part.rows, self.names), self.stage.folder)
            self._read(rows, "the mapping's rows", self.stage.add_file(None))
            return
        form, encoding = self.mapping.written(self.part)
        for member in files_of(self.folder, self.part.file or ""):
            with opened(member, form, encoding, self.stage.folder) as file:
                require(file, self.used[""], member.label)
                self._read(file, member.label, self.stage.add_file(member, form, encoding))

    def look(self) -> None:
        self._plan()
        for alias, join in self.part.join.items():
            self._look(join.file, *self.mapping.written(join, self.part), self._joined_columns(alias, join))
        if self.part.rows is None:
            self._look(self.part.file or "", *self.mapping.written(self.part), self.used[""])

    def _look(self, file: str, form: Form, encoding: Encoding, columns: list[str]) -> None:
        for member in files_of(self.folder, file):
            with opened(member, form, encoding, self.stage.folder) as found:
                require(found, columns, member.label)

    def _plan(self) -> None:
        """Find out which columns are needed, and make the statement's parts."""
        dataset = self.stage.dataset
        # Defaults come last: they may speak of the other columns.
        for target in sorted(targets(dataset), key=lambda target: target.key in DEFAULTS):
            if target.name != OWN_ID.get(dataset, ("", ""))[0]:
                self.converter.add(target, self.columns.get(target.name))
        for name, source in self.columns.items():
            self.stage.labels.setdefault(name, label_of(source) or name)
        self.where = self.converter.conditions(self.part.where or ())
        for join in self.part.join.values():
            for column in join.on:
                self._resolve(column)
        joins = [
            Fault(f"n_{alias} > 1", ", ".join(join.on), f"several lines of {join.file} match")
            for alias, join in self.part.join.items()
        ]
        labels = self.stage.labels
        rules = [Fault(condition, labels.get(name, name), why) for condition, name, why in ROW_RULES.get(dataset, ())]
        self.faults = [*self.converter.faults, *rules, *joins]
        self.con.execute("CREATE OR REPLACE TEMP TABLE fault_text (fault SMALLINT, label VARCHAR, reason VARCHAR)")
        for number, fault in enumerate(self.faults):
            self.con.execute("INSERT INTO fault_text VALUES (?, ?, ?)", [number, fault.column, fault.reason])

    def _resolve(self, label: str) -> str:
        """Return the alias of a source column, noting that it is used: `join.column`, or a column of the own file."""
        alias, dot, column = label.partition(".")
        place = (alias, column) if dot and alias in self.part.join else ("", label)
        if place not in self.places:
            self.places.append(place)
        if place[1] not in self.used[place[0]]:
            self.used[place[0]].append(place[1])
        return f"c{self.places.index(place)}"

    def _read_join(self, alias: str, join: Join) -> None:
        """One row per key: a key that stands on several lines is a fault of the rows that ask for it."""
        used, columns = self.used[alias], self._joined_columns(alias, join)
        where = Converter(self.mapping.source, lambda label: _text(columns, label)).conditions(join.where or ())
        lines = ", ".join(f"r{number} VARCHAR" for number in range(len(columns)))
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE joined_lines ({lines})")
        form, encoding = self.mapping.written(join, self.part)
        for member in files_of(self.folder, join.file):
            with opened(member, form, encoding, self.stage.folder) as file:
                require(file, columns, member.label)
                number = self.stage.add_file(member, form, encoding)
                with ahead(file.chunks) as chunks:
                    for chunk in chunks:
                        self.stage.tell()
                        self._load(chunk, file, columns, member.label)
                        self.stage.reject_lines(number, chunk, own=False)
                        whole = f" WHERE {self._not_broken(chunk)}" if chunk.broken else ""
                        self.con.execute(f"INSERT INTO joined_lines SELECT * FROM {_LINES}{whole}")
        keys = [f"{_text(columns, column)} AS k{i}" for i, column in enumerate(join.on.values())]
        picked = [f"min({_text(columns, column)}) AS j{i}" for i, column in enumerate(used)]
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE joined_{alias} AS SELECT {', '.join([*keys, *picked])}, count(*) AS n"
            f" FROM joined_lines WHERE {where} GROUP BY ALL"
        )
        self.con.execute("DROP TABLE joined_lines")

    def _joined_columns(self, alias: str, join: Join) -> list[str]:
        asked = [label for c in join.where or () for label in (c.column, c.same_as) if label]
        return list(dict.fromkeys([*self.used[alias], *join.on.values(), *asked]))

    def _load(self, chunk: Chunk, file: Opened, columns: list[str], label: str) -> None:
        """Copy a chunk into a table, whose row numbers outlast a join."""

        def work() -> str:
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {_LINES} AS {relation(chunk, file, columns)}")
            return _LINES

        line_by_line(self.con, chunk, file, label, work)

    def _not_broken(self, chunk: Chunk, row: str = "rowid") -> str:
        """A condition on the rows of a chunk that has broken lines."""
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE broken_rows AS SELECT unnest(?::BIGINT[]) AS row", [list(chunk.broken)]
        )
        return f"{row} NOT IN (SELECT row FROM broken_rows)"

    def _read(self, file: Opened, label: str, number: int) -> None:
        with ahead(file.chunks) as chunks:
            for chunk in chunks:
                self.stage.tell()
                self._convert(chunk, file, label, number)
                self._count(chunk, number)
                failpoint("files.chunk_staged")

    def _convert(self, chunk: Chunk, file: Opened, label: str, number: int) -> None:
        """Three layers in one statement: trimmed texts, parsed values, the dataset's columns with the first fault."""
        parsed = ", ".join(["*", *(f"{sql} AS v{i}" for i, sql in enumerate(self.converter.values))])
        outputs = ", ".join(f'{sql} AS "{name}"' for name, sql in self.converter.outputs)
        faults = [f"WHEN NOT ({self.where}) THEN {_SKIPPED}"] if self.part.where else []
        faults += [f"WHEN {fault.condition} THEN {i}" for i, fault in enumerate(self.faults)]
        fault = f"(CASE {' '.join(faults)} END)::SMALLINT" if faults else "NULL::SMALLINT"
        place = (number << FILE_BITS) + chunk.first
        key = ", ".join(f'"{name}"' for name in DATASETS[self.stage.dataset].key)
        target = self.stage.path(self.stage.chunks)

        def work() -> str:
            lines = _LINES if self.part.join else f"({relation(chunk, file, self.used[''])})"
            # Values may refer to earlier values: DuckDB resolves an alias of the same SELECT.
            self.con.execute(
                f"COPY (SELECT *, hash({key}) AS key_hash FROM (SELECT {place}::BIGINT AS place, row, {outputs},"
                f" {fault} AS fault FROM (SELECT {parsed} FROM ({self._texts(lines, chunk.padded)}))))"
                f" TO {quote(str(target))} (FORMAT parquet, COMPRESSION uncompressed, PARQUET_VERSION v2)"
            )
            return f"read_parquet({quote(str(target))})"

        if self.part.join:
            self._load(chunk, file, self.used[""], label)
            work()
        else:
            line_by_line(self.con, chunk, file, label, work)
        self.stage.chunks += 1

    def _texts(self, lines: str, padded: bool) -> str:
        """The innermost layer: the lines' texts without blanks around them, and those of the joined files."""
        own = self.used[""]
        # Without a join the rows stay in the lines' order, and so in the file that is written.
        texts = ["m.rowid::INTEGER AS row" if self.part.join else "NULL::INTEGER AS row"]
        texts += [f"n_{alias}" for alias in self.part.join]
        for i, (alias, column) in enumerate(self.places):
            sql = f"{alias}.j{self.used[alias].index(column)}" if alias else _text(own, column, "m.", padded)
            texts.append(f"{sql} AS c{i}")
        tables = f"{lines} m"
        for alias, join in self.part.join.items():
            on = [f"{_text(own, column, 'm.', padded)} = {alias}.k{i}" for i, column in enumerate(join.on)]
            tables += f" LEFT JOIN (SELECT *, n AS n_{alias} FROM joined_{alias}) {alias} ON {' AND '.join(on)}"
        return f"SELECT {', '.join(texts)} FROM {tables}"

    def _count(self, chunk: Chunk, number: int) -> None:
        """Add the chunk to the counts, and its faulty rows to what is rejected."""
        rows = self.stage.rows(self.stage.chunks - 1)
        place = (number << FILE_BITS) + chunk.first
        whole = f" AND {self._not_broken(chunk, f'record - {place}')}" if chunk.broken else ""
        self.con.execute(
            f"INSERT INTO {self.stage.rejected_table} SELECT record, {number}, record & {LINE_MASK}, label, reason"
            f" FROM {rows} JOIN fault_text USING (fault) WHERE fault >= 0{whole}"
        )
        self.stage.reject_lines(number, chunk, own=True)
        skipped = 0
        if self.part.where:
            skipped = self.stage.scalar(f"SELECT count(*) FROM {rows} WHERE fault = {_SKIPPED}{whole}")
        self.stage.skipped += skipped
        self.stage.read += chunk.lines - skipped - sum(not reason for reason in chunk.broken.values())


def _text(columns: list[str], column: str, table: str = "", padded: bool = True) -> str:
    text = f"{table}r{columns.index(column)}"
    return f"nullif(trim({text}), '')" if padded else text
