"""The mapping file: which column of a bank's extract becomes which column of a dataset (docs/reference/mapping.md)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from attune_service_kit.files.sources import Conditions, Name, Part, Scalar, Source, Text, misfit, one_of

Encoding = Literal["utf-8", "gb18030", "gbk", "latin-1", "latin-2", "windows-1250", "windows-1252", "utf-16"]
_FORMS = ("csv", "fixed", "excel")
Skip = Annotated[int, Field(ge=0, le=100)]
Names = Annotated[tuple[Text, ...], Field(min_length=1, max_length=2000)]


class Csv(Part):
    """Values with a separator between them. One record is one line; a line break inside a value is not admitted."""

    separator: Annotated[str, StringConstraints(min_length=1, max_length=4)] = Field(
        ",", description='one character, a tab is "\\t"; up to four if nothing is quoted, e.g. "|@|"'
    )
    quote: Literal['"', "'", ""] = Field('"', description='doubled inside a quoted value; "" = nothing is quoted')
    names: Names | None = Field(None, description="column names of files that have no heading line")
    skip: Skip = Field(0, description="lines above the heading, or above the first record where `names` are given")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if any(c.isalnum() or c in "\r\n\0\"'" for c in self.separator):
            en, zh = "a separator has no letters, digits, quotes or line breaks", "分隔符不得含字母、数字、引号或换行"
            raise misfit("separator", en, zh)
        if len(self.separator.encode()) > 1 and self.quote:
            en, zh = 'a separator of several bytes needs quote: ""', '多字节分隔符须写明 quote: ""'
            raise misfit("separator", en, zh)
        return self


class FixedWidth(Part):
    """Values that stand in fixed positions of the line."""

    columns: Annotated[dict[Text, tuple[int, int]], Field(min_length=1, max_length=2000)] = Field(
        description="name → first and last position, counted from 1"
    )
    unit: Literal["bytes", "characters"] = Field(
        "bytes", description="what is counted: a Chinese character is one character and two bytes of GB18030"
    )
    skip: Skip = Field(0, description="lines above the first record")

    @field_validator("columns")
    @classmethod
    def _in_order(cls, value: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for name, (first, last) in value.items():
            if not 1 <= first <= last <= 100_000:
                en, zh = f"{name}: first and last position, from 1", f"{name}：应为起始与结束位置，从 1 计"
                raise misfit("positions", en, zh)
        return value


class Excel(Part):
    """A sheet of a workbook (xlsx, xls, xlsb, ods): dates are read as YYYY-MM-DD, moments as YYYY-MM-DD hh:mm:ss."""

    sheet: Text | None = Field(None, description="the sheet's name; the first one by default")
    names: Names | None = Field(None, description="column names of sheets that have no heading row")
    skip: Skip = Field(0, description="rows above the heading, or above the first record where `names` are given")


Form = Csv | FixedWidth | Excel


class Written(Part):
    """How files are written; each part of the mapping may say so for its own files."""

    encoding: Encoding | None = Field(None, description="of the text; utf-8 by default, with or without its mark")
    csv: Csv | None = Field(None, description="values with a separator; the default, with a comma")
    fixed: FixedWidth | None = Field(None, description="values in fixed positions")
    excel: Excel | None = Field(None, description="a sheet of a workbook")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in _FORMS if getattr(self, name) is not None]
        if len(given) > 1:
            raise misfit("form", f"{' and '.join(given)}: give one", f"{'、'.join(given)}：只能给出一个")
        return self

    @property
    def form(self) -> Form | None:
        """The form that is said here."""
        return self.csv or self.fixed or self.excel


class Join(Written):
    """Columns of another file of the extract; at most one line of it may match."""

    file: Text = Field(description="name or pattern, relative to the extract's folder")
    on: Annotated[dict[Text, Text], Field(min_length=1, max_length=4)] = Field(
        description="column of the dataset's file → column of this file"
    )
    where: Conditions | None = Field(None, description="only lines of this file that meet all of these")

    _inside = field_validator("file")(lambda value: _inside(value))


class DatasetMapping(Written):
    """One dataset, or a part of it: the files it is read from, and its columns."""

    file: Text | None = Field(None, description="name or pattern, relative to the extract's folder")
    rows: Annotated[tuple[dict[Name, Scalar | None], ...], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="instead of a file: the rows themselves, for short lists that no file has"
    )
    where: Conditions | None = Field(None, description="only lines that meet all of these; the others are skipped")
    join: dict[Name, Join] = Field(default_factory=dict, description="name → another file, used as name.column")
    columns: dict[str, Source] = Field(
        default_factory=dict, description="column of the dataset → where its value comes from"
    )

    @model_validator(mode="after")
    def _file_or_rows(self) -> Self:
        one_of(self, ("file", "rows"))
        if self.rows and (self.columns or self.join or self.where or self.form):
            raise misfit("rows", "'rows' give the dataset's columns themselves", "'rows' 已直接给出数据集的列")
        if self.file is not None:
            _inside(self.file)
        return self


def _parts(value: Any) -> Any:
    return (value,) if isinstance(value, dict) else value


# A dataset that comes from files of different layouts is a list of parts.
Parts = Annotated[
    tuple[DatasetMapping, ...],
    BeforeValidator(_parts, json_schema_input_type=DatasetMapping | tuple[DatasetMapping, ...]),
    Field(min_length=1, max_length=20),
]


class Mapping(Written):
    """How a bank's extract becomes Attune's datasets."""

    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        description="the source system's name: with the bank's ids it makes Attune's ids, so it must never change"
    )
    datasets: Annotated[dict[str, Parts], Field(min_length=1)] = Field(
        description="dataset → where it comes from; a list where files of several layouts make one dataset"
    )

    def as_object(self) -> dict[str, Any]:
        """Return the mapping as an object for a request's body: what was written, shorthands written out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def written(self, *parts: Written) -> tuple[Form, Encoding]:
        """Return how a part's files are written: what the innermost part says that says anything."""
        said = [*parts, self]
        form = next((part.form for part in said if part.form is not None), Csv())
        return form, next((part.encoding for part in said if part.encoding is not None), "utf-8")


def _inside(value: str) -> str:
    if value.startswith(("/", "~")) or "\\" in value or ".." in value.split("/"):
        en = "a file is named relative to the extract's folder and lies inside it"
        raise misfit("outside", en, "文件名应相对于导入目录，且位于该目录之内")
    return value
