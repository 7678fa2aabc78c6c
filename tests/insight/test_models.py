"""The models as text: they parse, bind, and transpile to Spark without DuckDB-only constructs."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from attune_contracts.datasets import FEATURES
from attune_contracts.features import CATALOGUE, NEVER, USABLE, page
from insight import models, rules
from insight.value_quadrant import QuadrantNumbers, QuadrantParameters

PARAMETERS: models.Parameters = {
    "as_of": date(2026, 3, 31), **rules.LIFECYCLE, **rules.SEGMENTS, **QuadrantParameters().numbers,
}  # fmt: skip


@pytest.mark.parametrize("name", models.ORDER)
@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_a_model_renders_as_one_select_with_every_parameter_bound(name: str, dialect: str) -> None:
    tree = sqlglot.parse_one(models.render(name, PARAMETERS, dialect), read=dialect)

    assert isinstance(tree, exp.Select | exp.Union)
    assert not list(tree.find_all(exp.Placeholder, exp.Parameter))


@pytest.mark.parametrize("name", models.ORDER)
def test_a_model_keeps_to_what_both_engines_mean_alike(name: str) -> None:
    tree = sqlglot.parse_one(models.source(name), read="duckdb")

    assert not [join for join in tree.find_all(exp.Join) if "ASOF" in join.sql().upper()]
    # A sum of BIGINT is HUGEINT in DuckDB and BIGINT in Spark: every sum of a model says which type it wants.
    assert all(isinstance(node.find_ancestor(exp.Cast), exp.Cast) for node in tree.find_all(exp.Sum))
    # Whatever Spark cannot say is an error, not a warning.
    tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    # Transpiled arrays overlap by an operator that Spark has not.
    assert not list(tree.find_all(exp.ArrayOverlaps))


def test_an_unbound_parameter_is_an_error() -> None:
    with pytest.raises(KeyError, match="as_of"):
        models.render("balances", {})


def test_the_quadrants_weights_are_shares_of_one() -> None:
    numbers = QuadrantNumbers()

    assert numbers.inflow_weight + numbers.digital_weight + numbers.youth_weight == pytest.approx(1)
    with pytest.raises(ValueError, match="add up to 1"):
        QuadrantNumbers.model_validate(numbers.model_dump() | {"inflow_weight": 0.5})


def test_every_feature_of_the_catalogue_is_in_the_models_and_explained() -> None:
    columns = {column.name: column for column in FEATURES.columns}
    assert list(columns) == ["customer_id", "as_of", "branch_id", *CATALOGUE]
    assert len(CATALOGUE) == 45
    for feature in CATALOGUE.values():
        assert (columns[feature.name].type, columns[feature.name].nullable) == (feature.type, feature.nullable)
        assert feature.zh
        assert feature.en
        assert (feature.unit == "minor") == feature.name.endswith("_minor")
        assert feature.unit != "minor" or feature.type == "BIGINT", "money is whole"
    barred = {feature.name for feature in (*CATALOGUE.values(), *NEVER) if feature.never}
    assert {"gender", "birth_date", "branch_id", "name", "value_quadrant"} <= barred
    assert not barred & set(USABLE)
    assert not {feature.name for feature in NEVER} & set(CATALOGUE)


def test_the_reference_page_is_what_the_catalogue_says() -> None:
    page_file = Path(__file__).parents[2] / "docs" / "reference" / "features.md"
    words = "run: python -m attune_contracts.features > docs/reference/features.md"
    assert page_file.read_text(encoding="utf-8") == "\n".join(page()) + "\n", words


def test_spark_finds_what_duckdb_finds(con: duckdb.DuckDBPyConnection) -> None:
    """Only where Spark and a Java are: the models' text is checked everywhere, by the tests above."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java")
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        for name in models.DATASETS:
            frame = con.execute(f"FROM {name}").to_arrow_table().to_pandas()
            spark.createDataFrame(frame).createOrReplaceTempView(name)
        for name in models.ORDER:
            spark.sql(models.render(name, PARAMETERS, "spark")).createOrReplaceTempView(name)
        found = sorted(map(repr, (tuple(row) for row in spark.table("segments").collect())))
        assert found == sorted(map(repr, con.execute("FROM segments").fetchall()))
    finally:
        spark.stop()
