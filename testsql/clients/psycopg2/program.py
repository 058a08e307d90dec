"""The programme of the clients, with psycopg 2: plain SQL, or Metadb's own statements."""
import datetime
import decimal
import io
import select
import sys
import threading

import psycopg2


def say(step, *values):
    print(step + ":", *values)


def fails(step, call):
    try:
        call()
        say(step, "no error")
    except psycopg2.Error as e:
        d = e.diag
        say(step, type(e).__name__, e.pgcode, "at", d.statement_position, d.message_primary, "|", d.message_hint, "|", d.constraint_name)


def plain(conn):
    c = conn.cursor()
    c.execute("SELECT %s::int8, %s::numeric, %s::text, %s::bytea, %s::date, %s::int[], %s::bool, %s::text",
              (42, decimal.Decimal("1.50"), "Grüße 'quoted' \\ ✓", b"\x00\xff", datetime.date(2026, 2, 28), [1, 2, 3], True, None))
    row = c.fetchone()
    say("types", *(bytes(v) if isinstance(v, memoryview) else v for v in row), *(d.type_code for d in c.description))
    c.execute("CREATE TABLE item (id integer PRIMARY KEY, name text)")
    conn.commit()
    c.execute("INSERT INTO item VALUES (1, 'one')")
    say("tag", c.statusmessage, c.rowcount)
    conn.rollback()
    c.execute("SELECT count(*) FROM item")
    say("rolled back", c.fetchone())
    fails("no table", lambda: c.execute("SELECT 'é', 1 FROM nosuch"))
    fails("aborted", lambda: c.execute("SELECT 1"))
    conn.rollback()
    c.copy_expert("COPY item FROM STDIN", io.StringIO("".join(f"{i}\tn{i}\n" for i in range(1000))))
    out = io.StringIO()
    c.copy_expert("COPY (SELECT * FROM item ORDER BY id) TO STDOUT", out)
    say("copy", len(out.getvalue().splitlines()), out.getvalue().splitlines()[-1])
    conn.commit()
    fails("broken copy", lambda: c.copy_expert("COPY item FROM STDIN", io.StringIO("not a number\tx\n")))
    conn.rollback()
    fails("duplicate", lambda: c.execute("INSERT INTO item VALUES (%s, 'x')", (3,)))
    conn.rollback()
    with conn.cursor("portal") as named:
        named.itersize = 100
        named.execute("SELECT generate_series(1, %s)", (1000,))
        say("server cursor", sum(r[0] for r in named))
    conn.commit()
    c.execute("SELECT 1; SELECT 'last'")
    say("several statements", c.fetchall())
    c.execute("SELECT %s", ("x" * 3_000_000,))
    say("large", len(c.fetchone()[0]))
    timer = threading.Timer(0.3, conn.cancel)
    timer.start()
    fails("cancel", lambda: c.execute("SELECT pg_sleep(60)"))
    timer.join()
    conn.rollback()
    conn.autocommit = True
    c.execute("LISTEN bell")
    c.execute("SELECT pg_notify('bell', 'ring')")
    while not conn.notifies:
        if not select.select([conn], [], [], 10)[0]:
            break
        conn.poll()
    say("notify", [(n.channel, n.payload) for n in conn.notifies])
    c.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    say("notice", conn.notices)


def own(conn):
    c = conn.cursor()

    def rows(sql):
        c.execute(sql)
        return c.fetchall()
    sources = "SELECT name, topics FROM metadb.data_sources ORDER BY name"
    c.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers %s, topics %s)", ("127.0.0.1:1", "it's \\ ✓"))
    say("create", c.statusmessage, rows(sources))
    conn.rollback()
    say("rolled back", rows(sources))
    c.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers %s, topics '^shop')", ("127.0.0.1:1",))
    conn.commit()
    c.execute("LIST data_sources")
    row = dict(zip([d.name for d in c.description], c.fetchone()))
    say("list", c.statusmessage, row["name"], row["brokers"], row["topics"], row["enable"])
    c.execute("LIST status")
    row = dict(zip([d.name for d in c.description], c.fetchone()))
    say("status", row["type"], row["name"], type(row["events"]).__name__, type(row["unsynchronized"]).__name__)
    fails("unknown option", lambda: c.execute("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"))
    fails("aborted", lambda: c.execute("LIST status"))
    conn.rollback()
    fails("exists", lambda: c.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers 'b')"))
    conn.rollback()
    say("several statements", rows("CREATE DATA ORIGIN a; SELECT 1; LIST data_origins"))
    fails("one of several", lambda: c.execute("CREATE DATA ORIGIN b; CREATE DATA ORIGIN b"))
    conn.rollback()
    say("after it", rows("LIST data_origins"))
    named = conn.cursor("portal")
    fails("declared cursor", lambda: named.execute("LIST status"))
    conn.rollback()
    named = conn.cursor("portal")
    named.execute("SELECT name FROM metadb.status")
    say("cursor over the view", named.fetchall())
    conn.rollback()
    c.execute("PREPARE q AS SELECT name FROM metadb.data_sources")
    say("prepared", [rows("EXECUTE q") for _ in range(3)])
    c.execute("DROP DATA SOURCE shop")
    say("drop", c.statusmessage)
    conn.commit()
    say("dropped", rows(sources))


connection = psycopg2.connect("")
{"plain": plain, "own": own}[sys.argv[1]](connection)
connection.close()
say("done")
