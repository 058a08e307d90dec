"""The programme of the clients, with psycopg 3: plain SQL, or Metadb's own statements."""
import datetime
import decimal
import sys
import threading
import uuid

import psycopg


def say(step, *values):
    print(step + ":", *values)


def fails(step, call):
    try:
        call()
        say(step, "no error")
    except psycopg.Error as e:
        d = e.diag
        say(step, type(e).__name__, e.sqlstate, "at", d.statement_position, d.message_primary, "|", d.message_hint, "|", d.constraint_name)


def plain(conn):
    values = (42, decimal.Decimal("1.50"), "Grüße 'quoted' \\ ✓", b"\x00\xff", datetime.date(2026, 2, 28),
              uuid.UUID(int=7), [1, 2, 3], True, None)
    for binary in (False, True):
        with conn.cursor(binary=binary) as c:
            c.execute("SELECT %s::int8, %s::numeric, %s::text, %s::bytea, %s::date, %s::uuid, %s::int[], %s::bool, %s::text", values)
            say("types", binary, *c.fetchone(), *(d.type_code for d in c.description))
    conn.commit()
    conn.execute("CREATE TABLE item (id integer PRIMARY KEY, name text)")
    conn.commit()
    conn.execute("INSERT INTO item VALUES (1, 'one')")
    conn.rollback()
    say("rolled back", conn.execute("SELECT count(*) FROM item").fetchone())
    with conn.transaction():
        try:
            with conn.transaction():
                conn.execute("INSERT INTO item VALUES (2, 'two')")
                conn.execute("SELECT 1/0")
        except psycopg.errors.DivisionByZero:
            pass
        conn.execute("INSERT INTO item VALUES (3, 'three')")
    say("savepoint", conn.execute("SELECT * FROM item").fetchall())
    conn.commit()
    fails("no table", lambda: conn.execute("SELECT 'é', 1 FROM nosuch"))
    fails("aborted", lambda: conn.execute("SELECT 1"))
    conn.rollback()
    fails("duplicate", lambda: conn.execute("INSERT INTO item VALUES (%s, 'x')", (3,)))
    conn.rollback()
    say("prepared", sum(conn.execute("SELECT %s::int + 1", (i,), prepare=True).fetchone()[0] for i in range(20)))
    with conn.cursor() as c, c.copy("COPY item FROM STDIN") as copy:
        for i in range(1000):
            copy.write_row((i + 10, f"n{i}\t\\"))
    with conn.cursor() as c, c.copy("COPY (SELECT * FROM item ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        rows = list(copy.rows())
        say("copy", len(rows), rows[-1])

    def broken():
        with conn.cursor() as c, c.copy("COPY item FROM STDIN") as copy:
            copy.write(b"not a number\tx\n")
    fails("broken copy", broken)
    conn.rollback()
    with conn.cursor("portal") as c:
        c.itersize = 100
        c.execute("SELECT generate_series(1, 1000)")
        say("server cursor", sum(r[0] for r in c))
    conn.commit()
    with conn.pipeline() as p:
        a = conn.execute("SELECT 1")
        b = conn.execute("SELECT 2")
        p.sync()
        say("pipeline", a.fetchone(), b.fetchone())
    conn.commit()
    with conn.cursor() as c:
        c.execute("SELECT 1; SELECT 'a', 'b'; ")
        first = c.fetchall()
        c.nextset()
        say("several statements", first, c.fetchall(), c.nextset())
    conn.commit()
    say("large", len(conn.execute("SELECT %s::text", ("x" * 3_000_000,)).fetchone()[0]))
    cancel(conn, "pg_sleep(60)")
    conn.autocommit = True
    conn.execute("LISTEN bell")
    conn.execute("SELECT pg_notify('bell', 'ring')")
    for n in conn.notifies(timeout=10, stop_after=1):
        say("notify", n.channel, n.payload)
    notices = []
    conn.add_notice_handler(lambda d: notices.append((d.severity, d.message_primary)))
    conn.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    say("notice", notices)


def cancel(conn, what):
    timer = threading.Timer(0.3, conn.cancel_safe)
    timer.start()
    fails("cancel", lambda: conn.execute("SELECT " + what))
    timer.join()
    conn.rollback()
    say("after cancel", conn.execute("SELECT 1").fetchone())
    conn.commit()


def own(conn):
    def sources():
        return conn.execute("SELECT name, topics FROM metadb.data_sources ORDER BY name").fetchall()
    c = conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers %s, topics '^shop')", ("127.0.0.1:1",))
    say("create", c.statusmessage, sources())
    conn.rollback()
    say("rolled back", sources())
    conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers %s, topics %s)", ("127.0.0.1:1", "it's ✓"))
    conn.commit()
    for binary in (False, True):
        c = conn.cursor(binary=binary)
        c.execute("LIST data_sources")
        row = dict(zip([d.name for d in c.description], c.fetchone()))
        say("list", binary, c.statusmessage, row["name"], row["brokers"], row["topics"], row["enable"])
        c.execute("LIST status")
        row = dict(zip([d.name for d in c.description], c.fetchone()))
        say("status", row["type"], row["name"], type(row["events"]).__name__, type(row["unsynchronized"]).__name__)
    conn.commit()
    fails("unknown option", lambda: conn.execute("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"))
    fails("aborted", lambda: conn.execute("LIST status"))
    conn.rollback()
    fails("exists", lambda: conn.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers 'b')"))
    conn.rollback()
    with conn.transaction():
        try:
            with conn.transaction():
                conn.execute("DROP DATA SOURCE shop")
                conn.execute("SELECT 1/0")
        except psycopg.errors.DivisionByZero:
            pass
    say("savepoint", sources())
    for i in range(12):
        conn.execute("ALTER DATA SOURCE shop OPTIONS (SET topics %s)", (f"t{i}",), prepare=True)
    say("prepared", sources(), [len(conn.execute("LIST data_origins", prepare=True).fetchall()) for _ in range(12)])
    conn.commit()
    with conn.pipeline() as p:
        a = conn.execute("SELECT 1")
        b = conn.execute("ALTER DATA SOURCE shop OPTIONS (SET topics 'piped')")
        d = conn.execute("SELECT topics FROM metadb.data_sources")
        p.sync()
        say("pipeline", a.fetchone(), b.statusmessage, d.fetchone())
    conn.commit()

    def broken():
        with conn.pipeline():
            conn.execute("CREATE DATA ORIGIN piped")
            conn.execute("CREATE DATA ORIGIN piped")
    fails("broken pipeline", broken)
    conn.rollback()
    say("after it", conn.execute("LIST data_origins").fetchall())
    conn.commit()
    c = conn.execute("CREATE DATA ORIGIN a; SELECT 1; LIST data_origins")
    c.nextset(), c.nextset()
    say("several statements", c.fetchall())
    conn.rollback()
    with conn.cursor() as c, c.copy("COPY (SELECT name FROM metadb.data_sources) TO STDOUT") as copy:
        say("copy of a view", b"".join(copy))
    say("after copy", conn.execute("DROP DATA SOURCE shop").statusmessage)
    conn.commit()
    say("dropped", sources())


with psycopg.connect("") as connection:
    {"plain": plain, "own": own}[sys.argv[1]](connection)
say("done")
