"""What a running home keeps to itself: identities lie in it nowhere in plain, and it speaks to this machine alone.

The identities are those of the living bank's own extracts: all its customers have been imported and their ledger
replayed; here some are also looked for, read in full, changed and asked for wrongly.
"""

import asyncio
import csv
import gzip
import ipaddress
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from pyarrow import parquet

from attune.home import Home
from attune_client import Attune, Problem
from attune_contracts.catalog import SERVICES

pytestmark = pytest.mark.timeout(300)
ROWS = range(170, 180)
NEW_PHONE, NEW_ADDRESS = "13987650422", "碲镎巷七百三十三号"


def extract(folder: Path, name: str) -> list[dict[str, str]]:
    """The lines of one of the bank's files."""
    [file] = folder.glob(f"{name}.csv*")
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def identities(folder: Path) -> set[str]:
    """What must be found nowhere: documents, phones and addresses, and names that nobody of the staff bears too."""
    customers = extract(folder, "customers")
    staff = {line["STAFF_NAME"] for line in extract(folder, "staff")}
    names = {line["NAME"] for line in customers if len(line["NAME"]) > 2} - staff
    return names | {line[column] for line in customers for column in ("ID_NO", "MOBILE", "ADDR") if line[column]}


def holding(canaries: Path, *folders: Path) -> list[str]:
    """The files below these folders that hold one of the canaries, byte for byte."""
    command = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--no-messages"]
    done = subprocess.run(
        [*command, f"--file={canaries}", *map(str, folders)],
        env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return sorted(done.stdout.splitlines())


async def unpack(home: Home, into: Path) -> int:
    """Write what is compressed where it lies as text: rows of every table, columns of the lake. How many rows."""
    port, rows = home.state()["ports"]["postgres"], 0
    for service in SERVICES:
        user = f"{service}_owner"
        url = f"postgresql://{user}:{home.password(f'pg.{user}')}@127.0.0.1:{port}/{service}"
        connection = await asyncpg.connect(url, timeout=10)
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in tables:
                file = into / f"{service}.{table}.txt"
                found = await connection.fetch(f'SELECT t::text FROM "{table}" t')
                rows += len(found)
                file.write_text("\n".join(row[0] for row in found), "utf-8")
        finally:
            await connection.close()
    for number, part in enumerate(sorted(home.lake.rglob("*.parquet"))):
        (into / f"lake-{number}.txt").write_text(str(parquet.read_table(part).to_pylist()), "utf-8")
    return rows


async def use(living_bank: Any, lines: list[dict[str, str]]) -> None:
    """Everything that a person does with identities, and what they may write by mistake."""
    for row in ROWS:
        line, one = lines[row], living_bank.customer(row)
        async with living_bank.as_("teller", line["BRANCH_NO"]) as teller:
            for query in filter(None, (line["NAME"], line["MOBILE"], line["ID_NO"])):
                found = await teller.request("POST", "/v1/customers:search", {"query": query})
                assert str(one) in {item["customer_id"] for item in found["items"]}
            path = f"/v1/customers/{one}/identity"
            shown = await teller.request("GET", path, reason="complaint", fields=["name", "document", "phone"])
            assert shown["name"] == line["NAME"]
            assert not line["ID_NO"] or shown["document"]
            await teller.request("GET", f"/v1/customers/{one}")
            await teller.request("GET", "/v1/tasks")
            await mistaken(teller, line)
    changed = {"phone": NEW_PHONE, "address": NEW_ADDRESS}
    other = ROWS.stop  # nobody who is looked for by the phone of the extract
    async with living_bank.as_("teller", lines[other]["BRANCH_NO"]) as teller:
        await teller.request("PATCH", f"/v1/customers/{living_bank.customer(other)}/details", changed)
    async with living_bank.as_("auditor") as auditor:
        assert (await auditor.request("GET", "/v1/audit/customer_360"))["items"]


async def mistaken(teller: Attune, line: dict[str, str]) -> None:
    """Identities where they do not belong are refused, or find nothing."""
    phone, name = line["MOBILE"], line["NAME"]
    for body in ({"query": name, "by": phone}, {"name": name}, {"query": name * 100}):
        with pytest.raises(Problem):
            await teller.request("POST", "/v1/customers:search", body)
    with pytest.raises(Problem):
        await teller.request("GET", f"/v1/customers/{phone}")


def processes(home: Home) -> Iterator[psutil.Process]:
    """The processes of a home that run now, with those that they have started."""
    for known in home.state()["processes"].values():
        try:
            process = psutil.Process(int(known["pid"]))
            yield from (process, *process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue


def outside(process: psutil.Process) -> tuple[int, set[str]]:
    """How many sockets a process has, and the addresses of those that are not of this machine."""
    try:
        sockets = process.net_connections(kind="inet")
    except psutil.Error:  # it has ended
        return 0, set()
    addresses = {end.ip for one in sockets for end in (one.laddr, one.raddr) if end}
    return len(sockets), {ip for ip in addresses if not ipaddress.ip_address(ip).is_loopback}


async def watch(home: Home, seen: dict[str, int], faults: set[str]) -> None:
    """Look at every socket of the home, again and again, until cancelled."""
    while True:
        for process in await asyncio.to_thread(lambda: list(processes(home))):
            count, foreign = await asyncio.to_thread(outside, process)
            seen["sockets"] += count
            faults |= {f"{process.pid} {ip}" for ip in foreign}
        seen["rounds"] += 1
        await asyncio.sleep(0.05)


async def test_identities_lie_nowhere_and_nothing_is_said_to_other_machines(living_bank: Any, tmp_path: Path) -> None:
    home, folder = living_bank.home, living_bank.files.folder
    canaries, unpacked = tmp_path / "canaries", tmp_path / "unpacked"
    unpacked.mkdir()
    wanted = identities(folder) | {NEW_PHONE, NEW_ADDRESS}
    assert len(wanted) > 600
    canaries.write_text("\n".join(sorted(wanted)) + "\n", "utf-8")
    control = tmp_path / "control"
    control.write_text(f"{{}}\n{NEW_PHONE}9 {min(wanted)}\n", "utf-8")
    assert holding(canaries, control) == [str(control)]  # what is searched for would be found

    seen, faults = {"rounds": 0, "sockets": 0}, set[str]()
    watching = asyncio.create_task(watch(home, seen, faults))
    while seen["rounds"] < 3:  # a look at all sockets takes a second or more: there is work under way during each
        await use(living_bank, extract(folder, "customers"))
        assert not watching.done(), watching.exception()
    await living_bank.settle()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert {"postgres", "nats", "gateway"} <= {name.split("-")[0] for name in home.state()["processes"]}
    assert seen["sockets"] > 20
    assert faults == set()

    assert await unpack(home, unpacked) > 5_000
    assert holding(canaries, home.root, unpacked) == []


def test_a_socket_that_leaves_the_machine_is_seen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("0.0.0.0", 0))
        assert outside(psutil.Process())[1] == {"0.0.0.0"}
