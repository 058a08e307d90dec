"""The programme of the clients, with asyncpg: plain SQL, or Metadb's own statements."""
import asyncio
import datetime
import decimal
import io
import sys
import uuid

import asyncpg


def say(step, *values):
    print(step + ":", *values)


async def fails(step, call):
    try:
        await call
        say(step, "no error")
    except asyncpg.PostgresError as e:
        say(step, type(e).__name__, e.sqlstate, "at", e.position, e.message, "|", e.hint, "|", e.constraint_name)


async def plain(conn):
    row = await conn.fetchrow(
        "SELECT $1::int8, $2::numeric, $3::text, $4::bytea, $5::date, $6::uuid, $7::int[], $8::bool, $9::text",
        42, decimal.Decimal("1.50"), "Grüße 'quoted' \\ ✓", b"\x00\xff", datetime.date(2026, 2, 28),
        uuid.UUID(int=7), [1, 2, 3], True, None)
    say("types", *row)
    await conn.execute("CREATE TABLE item (id integer PRIMARY KEY, name text)")
    await conn.execute("CREATE TYPE colour AS ENUM ('red', 'blue')")
    say("introspected", await conn.fetchrow("SELECT 'red'::colour AS c, ARRAY['blue'::colour] AS a, ROW(1, 'x')"))
    tr = conn.transaction()
    await tr.start()
    say("tag", await conn.execute("INSERT INTO item VALUES ($1, 'one')", 1))
    await tr.rollback()
    say("rolled back", await conn.fetchval("SELECT count(*) FROM item"))
    async with conn.transaction():
        try:
            async with conn.transaction():
                await conn.execute("INSERT INTO item VALUES (2, 'two')")
                await conn.execute("SELECT 1/0")
        except asyncpg.DivisionByZeroError:
            pass
        await conn.execute("INSERT INTO item VALUES (3, 'three')")
    say("savepoint", [tuple(r) for r in await conn.fetch("SELECT * FROM item")])
    await fails("no table", conn.fetch("SELECT 'é', 1 FROM nosuch"))
    await fails("duplicate", conn.execute("INSERT INTO item VALUES ($1, 'x')", 3))
    statement = await conn.prepare("SELECT $1::int + 1")
    say("prepared", sum([await statement.fetchval(i) for i in range(20)]), [a.name for a in statement.get_attributes()])
    await conn.executemany("INSERT INTO item VALUES ($1, $2)", [(i, "m") for i in range(100, 200)])
    say("copy in", await conn.copy_records_to_table("item", records=[(i, f"n{i}") for i in range(1000, 2000)]))
    out = io.BytesIO()
    say("copy out", await conn.copy_from_query("SELECT * FROM item WHERE id > $1 ORDER BY id", 500, output=out), len(out.getvalue().splitlines()))
    await fails("broken copy", conn.copy_to_table("item", source=io.BytesIO(b"not a number\tx\n")))
    async with conn.transaction():
        say("server cursor", sum([r[0] async for r in conn.cursor("SELECT generate_series(1, 1000)", prefetch=100)]))
    say("several statements", await conn.execute("SELECT 1; SELECT 2"))
    say("large", len(await conn.fetchval("SELECT $1::text", "x" * 3_000_000)))
    try:
        await conn.fetch("SELECT pg_sleep(60)", timeout=0.3)
    except asyncio.TimeoutError:
        say("cancel", "timeout")
    say("after cancel", await conn.fetchval("SELECT 1"))
    rung = asyncio.get_running_loop().create_future()
    await conn.add_listener("bell", lambda _c, _pid, channel, payload: rung.set_result((channel, payload)))
    await conn.execute("SELECT pg_notify('bell', 'ring')")
    say("notify", await asyncio.wait_for(rung, 10))
    notices = []
    conn.add_log_listener(lambda _c, m: notices.append((m.severity, m.message)))
    await conn.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    await asyncio.sleep(0)
    say("notice", notices)


async def own(conn):
    async def sources():
        return [tuple(r) for r in await conn.fetch("SELECT name, topics FROM metadb.data_sources ORDER BY name")]
    tr = conn.transaction()
    await tr.start()
    say("create", await conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers $1, topics '^shop')", "127.0.0.1:1"), await sources())
    await tr.rollback()
    say("rolled back", await sources())
    say("simple", await conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics 'it''s ✓')"))
    for row in await conn.fetch("LIST data_sources"):
        say("list", row["name"], row["brokers"], row["topics"], row["enable"])
    for row in await conn.fetch("LIST status"):
        say("status", row["type"], row["name"], type(row["events"]).__name__, type(row["unsynchronized"]).__name__)
    await fails("unknown option", conn.execute("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"))
    await fails("unknown option, extended", conn.fetch("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"))
    await fails("exists", conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers $1)", "b"))
    async with conn.transaction():
        await fails("in a transaction", conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers 'b')"))
        await fails("aborted", conn.fetch("LIST status"))
        tr = None
    async with conn.transaction():
        try:
            async with conn.transaction():
                await conn.execute("DROP DATA SOURCE shop")
                await conn.execute("SELECT 1/0")
        except asyncpg.DivisionByZeroError:
            pass
    say("savepoint", await sources())
    statement = await conn.prepare("ALTER DATA SOURCE shop OPTIONS (SET topics $1)")
    say("parameters", [p.name for p in statement.get_parameters()], statement.get_attributes())
    for i in range(12):
        await statement.fetch(f"t{i}")
    say("prepared", statement.get_statusmsg(), await sources())
    lists = await conn.prepare("LIST data_origins")
    say("prepared list", [a.name for a in lists.get_attributes()], [len(await lists.fetch()) for _ in range(12)])
    async with conn.transaction():
        say("server cursor", [r["name"] async for r in conn.cursor("LIST data_sources")])
    await conn.executemany("CREATE DATA ORIGIN a", [()])
    say("several statements", await conn.execute("CREATE DATA ORIGIN b; LIST data_origins; DROP DATA ORIGIN b"))
    out = io.BytesIO()
    await conn.copy_from_query("SELECT name FROM metadb.data_origins", output=out)
    say("after copy", out.getvalue(), await conn.execute("DROP DATA ORIGIN a"))
    say("drop", await conn.execute("DROP DATA SOURCE shop"), await sources())


async def main():
    conn = await asyncpg.connect()
    await {"plain": plain, "own": own}[sys.argv[1]](conn)
    await conn.close()
    say("done")


asyncio.run(main())
