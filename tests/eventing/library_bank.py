"""The demo's own bank for the shipped triggers, and beside it what that bank has not; equal at each call.

`python -m tests.eventing.library_bank 20000` prints what each trigger finds on the bank that `attune demo` makes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from attune.bank.generate import generate
from attune.bank.ledger import LAST_DAY
from attune_contracts.datasets import CARDS, LOANS
from attune_service_kit import lake_sql
from attune_service_kit.files.engine import prepare
from attune_service_kit.files.loading import load_mapping
from eventing import lake_triggers, trigger_files
from eventing.compiled import Compiled
from eventing.lake_history import model

SEED = 1
"""That of `attune demo`."""
WHOLE, SMALL = 20_000, 2_000
"""The persons of `attune demo`, and the fewest that it takes."""
MADE = frozenset(
    {
        "broken-application",
        "card-expires",
        "insurance-matures",
        "loan-matures",
        "salary-begins",
        "salary-stops",
        "viewed-without-buying",
    }
)
"""The triggers that ask for what the demo's bank has not: front ends, cards, loans, insurances, ended salaries."""
LIBRARY = {
    Path(file.name).stem: file.read_text(encoding="utf-8")
    for file in sorted(files("eventing").joinpath("library").iterdir(), key=lambda file: file.name)
}
_MAPPING = Path(__file__).parents[2] / "mappings" / "demo.yaml"
_IMPORTED = ("products", "parties", "accounts", "holdings", "transactions")
# As the lake and eventing's tables have them after an import, and in `made` what is beside them.
_RELATIONS = """
CREATE TABLE account_owner AS SELECT account_id, source_id, customer_id, kind, opening_balance_minor FROM accounts;
CREATE TABLE behaviour (customer_id VARCHAR, behaviour_id VARCHAR, business_date DATE, occurred_us BIGINT,
                        behaviour VARCHAR, product VARCHAR, step VARCHAR, channel VARCHAR, seconds BIGINT);
CREATE SCHEMA made;
CREATE VIEW made.person AS SELECT customer_id, row_number() OVER (ORDER BY source_id) AS number FROM parties;
CREATE TABLE made.transactions AS
SELECT t.* FROM transactions AS t JOIN account_owner AS o USING (account_id) JOIN made.person AS p USING (customer_id)
WHERE t.kind <> 'salary'
   OR CASE p.number % 20 WHEN 3 THEN t.business_date < DATE '2025-09-01'
                         WHEN 7 THEN t.business_date >= DATE '2025-07-01' ELSE true END;
CREATE TABLE made.holdings AS
SELECT 'I' || number AS holding_id, customer_id, NULL AS account_id, 'INS1' AS product_id,
       DATE '2020-01-01' AS opened_on,
       DATE '2025-01-01' + CAST(number * 11 % 720 AS INTEGER) AS matures_on, number * 10000 AS amount_minor
FROM made.person WHERE number % 8 = 0;
CREATE VIEW made.products AS SELECT 'INS1' AS product_id, 'insurance' AS kind;
CREATE VIEW made.cards AS
SELECT 'K' || number AS card_id, customer_id, NULL AS account_id, 'debit' AS kind,
       DATE '2025-01-31' + CAST(number * 97 % 1800 AS INTEGER) AS expires_on
FROM made.person WHERE number % 5 < 3;
CREATE VIEW made.loans AS
SELECT 'L' || number AS loan_id, customer_id, NULL AS account_id, number * 100000 AS amount_minor,
       DATE '2025-01-01' + CAST(number * 89 % 1800 AS INTEGER) AS matures_on
FROM made.person WHERE number % 5 = 4;
CREATE TABLE made.behaviour AS
WITH viewed AS (
    SELECT customer_id, number, look, number * 37 % 300 + visit * 15 AS day,
           TIMESTAMP '2025-04-15 04:00:00' + to_days(CAST(day AS INTEGER)) + to_hours(look * 5) AS moment
    FROM made.person CROSS JOIN range(4) AS v (visit) CROSS JOIN range(4) AS l (look)
    WHERE number % 2 = 0 AND look <= (number // 2 + visit) % 4
),
applied AS (
    SELECT customer_id, number, step,
           TIMESTAMP '2025-06-01 06:00:00' + to_days(CAST(number * 41 % 250 AS INTEGER)) AS moment
    FROM made.person CROSS JOIN (VALUES ('step_started'), ('step_completed')) AS s (step)
    WHERE number % 2 = 0 AND (step = 'step_started' OR number % 3 > 0)
),
done AS (
    SELECT customer_id, moment, 'product_viewed' AS behaviour, ['W1', 'W2', 'T1'][day % 3 + 1] AS product, NULL AS step
    FROM viewed
    UNION ALL
    SELECT customer_id, moment + to_minutes(CASE step WHEN 'step_completed' THEN 9 ELSE 0 END), step, NULL,
           'open_wealth'
    FROM applied
)
SELECT customer_id, 'b' || row_number() OVER (ORDER BY customer_id, moment) AS behaviour_id,
       CAST(moment AS DATE) AS business_date,
       epoch_us(moment) AS occurred_us, behaviour, product, step, 'mobile' AS channel, 30 AS seconds
FROM done"""
_DATES = """
CREATE OR REPLACE TEMP TABLE dated_version AS
SELECT * EXCLUDE (kind), CAST(NULL AS DATE) AS known, CAST(NULL AS DATE) AS since, CAST(NULL AS DATE) AS until
FROM ({model})"""


@contextmanager
def bank(customers: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """The relations that backtests ask for, of the demo's bank of so many persons."""
    with TemporaryDirectory() as scratch, duckdb.connect(config={"threads": 1, "memory_limit": "1GB"}) as con:
        folder, mapping = Path(scratch) / "bank", load_mapping(_MAPPING)
        generate(folder, customers, SEED)
        for name in _IMPORTED:
            with prepare(mapping, folder, name, con, Path(scratch) / "rejects") as prepared:
                assert prepared.rejected == 0, name
                con.execute(f"CREATE TABLE {name} AS FROM {prepared.relation}")
        for dataset in (CARDS, LOANS):
            con.execute(f"CREATE TABLE {dataset.name} AS {lake_sql.scan(dataset, [])}")
        con.execute(_RELATIONS)
        yield con


def backtest(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """How many detections a shipped trigger has in the bank's last year, and of how many customers."""
    trigger = Compiled.of(trigger_files.read(LIBRARY[name]).definition)
    con.execute(f"SET search_path = '{'made,main' if name in MADE else 'main'}'")
    if trigger.definition.calendar is not None:
        con.execute(_DATES.format(model=model("dated_facts")), {"kinds": [trigger.definition.calendar.of]})
    first = LAST_DAY - timedelta(364)
    found = lake_triggers.detections(con, trigger, "CNY", first, LAST_DAY, LAST_DAY)
    return len(found), len({one.customer_id for one in found})


def main(customers: int) -> None:
    """Print what each shipped trigger finds."""
    with bank(customers) as con:
        for name in LIBRARY:
            number, of = backtest(con, name)
            print(f"{name:24}{number:>9,}{of:>9,}{'  made beside' if name in MADE else ''}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
