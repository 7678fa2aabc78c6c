"""B3's peer from file to file: the same trigger and the same filter in PyFlink SQL, in batch mode on two slots.

In an environment of its own (`apache-flink`, Java 17): `python pyflink_b3.py own_history|filter POSTINGS OWNERS OUT
FIRST LAST`, two folders of CSV files without headings, an output folder and the days that are tried. The statement is
what its documentation would have one write: sums over a window of all rows before, with a probe at both ends of each
credit's past. Prints one JSON object: seconds and the processor's of the job, its start-up left out.
"""

# mypy: ignore-errors

import json
import os
import sys
import time
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

POSTING = """
CREATE TABLE posting (
    posting_id STRING, account_id STRING, business_date DATE, booked_at STRING, direction STRING, amount_minor BIGINT,
    currency STRING, kind STRING, channel STRING, flag STRING, reverses STRING
) WITH ('connector' = 'filesystem', 'path' = '{postings}', 'format' = 'csv')"""
OWNER = """
CREATE TABLE owner (account_id STRING, customer_id STRING, kind STRING, opening_balance_minor BIGINT)
WITH ('connector' = 'filesystem', 'path' = '{owners}', 'format' = 'csv')"""
FOUND = """
CREATE TABLE found (customer_id STRING, posting_id STRING, business_date DATE, amount_minor BIGINT, mean_minor BIGINT)
WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv')"""
KEPT = """
CREATE TABLE kept (posting_id STRING, account_id STRING, business_date DATE, amount_minor BIGINT)
WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv')"""
VIEWS = (
    """
CREATE TEMPORARY VIEW movement AS
SELECT o.customer_id, p.posting_id, p.business_date, p.amount_minor,
       CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', p.business_date) AS BIGINT) AS d,
       CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TIMESTAMPADD(MONTH, -6, p.business_date)) AS BIGINT) AS past,
       CASE WHEN p.direction = 'credit' THEN p.amount_minor ELSE -p.amount_minor END AS net,
       o.kind = 'demand' AND p.direction = 'credit' AND p.flag = '' AND p.reverses = '' AS new_money
FROM posting AS p JOIN owner AS o ON o.account_id = p.account_id
WHERE o.kind IN ('demand', 'time') AND p.currency = 'CNY' AND p.business_date <= DATE '{last}'""",
    """
CREATE TEMPORARY VIEW step AS
SELECT customer_id, d, 0 AS probe, SUM(net) AS net, '' AS posting_id, CAST(0 AS BIGINT) AS amount_minor,
       CAST(0 AS BIGINT) AS past
FROM movement GROUP BY customer_id, d
UNION ALL
SELECT customer_id, d, 1, CAST(0 AS BIGINT), posting_id, amount_minor, past FROM movement
WHERE new_money AND business_date >= DATE '{first}'
UNION ALL
SELECT customer_id, past, 2, CAST(0 AS BIGINT), posting_id, CAST(0 AS BIGINT), CAST(0 AS BIGINT) FROM movement
WHERE new_money AND business_date >= DATE '{first}'""",
    """
CREATE TEMPORARY VIEW summed AS
SELECT *, SUM(net) OVER w AS total, SUM(net * d) OVER w AS weight,
       SUM(CASE WHEN probe = 0 THEN 1 ELSE 0 END) OVER w AS known
FROM (SELECT *, d * 4 + probe AS place FROM step)
WINDOW w AS (PARTITION BY customer_id ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)""",
    """
CREATE TEMPORARY VIEW judged AS
SELECT customer_id, posting_id, MAX(amount_minor) AS amount_minor, MAX(CASE WHEN probe = 1 THEN d END) AS d,
       MAX(CASE WHEN probe = 1 THEN d - past END) AS days,
       MAX(CASE WHEN probe = 1 THEN d * total - weight END) - MAX(CASE WHEN probe = 2 THEN d * total - weight END)
           AS integral,
       MAX(CASE WHEN probe = 2 THEN known END) AS known
FROM summed WHERE probe > 0 GROUP BY customer_id, posting_id""",
)
OWN_HISTORY = """
INSERT INTO found
SELECT customer_id, posting_id, TIMESTAMPADD(DAY, CAST(d AS INT), DATE '1970-01-01'), amount_minor,
       -- Half up; a division of whole numbers cuts towards 0.
       (2 * integral + days - MOD(MOD(2 * integral + days, 2 * days) + 2 * days, 2 * days)) / (2 * days)
FROM (
    SELECT j.customer_id, j.posting_id, j.d, j.amount_minor, j.days, j.integral + o.amount * j.days AS integral
    FROM judged AS j
    JOIN (SELECT customer_id, SUM(opening_balance_minor) AS amount FROM owner WHERE kind IN ('demand', 'time')
          GROUP BY customer_id) AS o ON o.customer_id = j.customer_id
    LEFT JOIN (SELECT DISTINCT reverses FROM posting WHERE reverses <> '' AND business_date <= DATE '{last}') AS r
        ON r.reverses = j.posting_id
    WHERE j.known > 0 AND r.reverses IS NULL
) WHERE amount_minor * days > integral"""
FILTER = """
INSERT INTO kept
SELECT posting_id, account_id, business_date, amount_minor FROM posting
WHERE direction = 'debit' AND amount_minor >= 50000 AND kind IN ('card_payment', 'transfer_out')
  AND (channel = '' OR channel <> 'counter')"""
SETTINGS = {
    "parallelism.default": "2",
    "taskmanager.memory.managed.size": "1gb",
    "table.local-time-zone": "UTC",
    "rest.bind-address": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
}


def main() -> None:
    """Run one of the two, and say how long its job took."""
    what, postings, owners, out, first, last = sys.argv[1:]
    table = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    for name, value in SETTINGS.items():
        table.get_config().set(name, value)
    named = {"postings": postings, "owners": owners, "out": out, "first": first, "last": last}
    for statement in (POSTING, OWNER, FOUND if what == "own_history" else KEPT):
        table.execute_sql(statement.format(**named))
    for view in VIEWS if what == "own_history" else ():
        table.execute_sql(view.format(**named))
    start, before = time.perf_counter(), cpu()
    table.execute_sql((OWN_HISTORY if what == "own_history" else FILTER).format(**named)).wait()
    told = {"seconds": time.perf_counter() - start, "cpu_seconds": cpu() - before}
    sys.stdout.write(json.dumps(told) + "\n")


def cpu() -> float:
    """Seconds of the processor of this process and of all that it has started: the work is done by a JVM."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid], spent[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(spent.get(pid, 0.0) for pid in mine)


if __name__ == "__main__":
    main()
