"""The models as text: they parse, bind, and transpile to Spark without DuckDB-only constructs."""

from datetime import date

import pytest
import sqlglot
from sqlglot import exp

from insight import models
from insight.value_quadrant import quadrant_parameters

PARAMETERS: models.Parameters = {"as_of": date(2026, 3, 31), **quadrant_parameters().model_dump()}


@pytest.mark.parametrize("name", models.ORDER)
@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_a_model_renders_as_one_select_with_every_parameter_bound(name: str, dialect: str) -> None:
    tree = sqlglot.parse_one(models.render(name, PARAMETERS, dialect), read=dialect)

    assert isinstance(tree, exp.Select)
    assert not list(tree.find_all(exp.Placeholder, exp.Parameter))


@pytest.mark.parametrize("name", models.ORDER)
def test_a_model_keeps_to_what_both_engines_mean_alike(name: str) -> None:
    tree = sqlglot.parse_one(models.source(name), read="duckdb")

    assert not [join for join in tree.find_all(exp.Join) if "ASOF" in join.sql().upper()]
    # A sum of BIGINT is HUGEINT in DuckDB and BIGINT in Spark: every sum of a model says which type it wants.
    assert all(isinstance(node.find_ancestor(exp.Cast), exp.Cast) for node in tree.find_all(exp.Sum))
    # Transpiled arrays overlap by an operator that Spark has not.
    assert not list(tree.find_all(exp.ArrayOverlaps))


def test_an_unbound_parameter_is_an_error() -> None:
    with pytest.raises(KeyError, match="as_of"):
        models.render("balances", {})


def test_the_quadrants_parameters_are_versioned_and_weigh_one() -> None:
    parameters = quadrant_parameters()

    assert parameters.version == 1
    assert parameters.inflow_weight + parameters.digital_weight + parameters.youth_weight == pytest.approx(1)
    with pytest.raises(ValueError, match="add up to 1"):
        type(parameters).model_validate(parameters.model_dump() | {"inflow_weight": 0.5})
