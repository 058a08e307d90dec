"""The programme of the clients, with SQLAlchemy on both psycopgs: plain SQL, or Metadb's own statements."""
import datetime
import decimal
import sys

import sqlalchemy as sa


def say(step, *values):
    print(step + ":", *values)


def fails(step, call):
    try:
        call()
        say(step, "no error")
    except sa.exc.DBAPIError as e:
        d = e.orig.diag
        say(step, type(e).__name__, d.sqlstate, "at", d.statement_position, d.message_primary, "|", d.message_hint)


def plain(engine):
    meta = sa.MetaData()
    parent = sa.Table("parent", meta, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20), unique=True))
    sa.Table("child", meta, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True), sa.Column("at", sa.DateTime(timezone=True)),
             sa.Column("price", sa.Numeric(10, 2), nullable=False), sa.Column("parent_id", sa.ForeignKey("parent.id"), index=True))
    meta.create_all(engine)
    with engine.begin() as conn:
        conn.execute(parent.insert(), [{"id": i, "name": f"n{i}"} for i in range(100)])
        say("types", conn.execute(sa.select(sa.literal(decimal.Decimal("1.50")), sa.literal("é '\\"), sa.literal(datetime.date(2026, 2, 28)), sa.literal(True))).one())
    try:
        with engine.begin() as conn:
            conn.execute(parent.delete())
            raise RuntimeError
    except RuntimeError:
        pass
    with engine.connect() as conn:
        say("rolled back", conn.scalar(sa.select(sa.func.count()).select_from(parent)))
        say("streamed", sum(1 for _ in conn.execution_options(stream_results=True, max_row_buffer=10).execute(sa.select(parent))))
    with engine.connect() as conn:
        fails("no table", lambda: conn.execute(sa.text("SELECT 'é', 1 FROM nosuch")))
    with engine.connect() as conn:
        fails("duplicate", lambda: conn.execute(parent.insert(), {"id": 1, "name": "x"}))
    look = sa.inspect(engine)
    say("schemas", [s for s in look.get_schema_names() if s != "metadb"])
    for table in sorted(look.get_table_names(schema="public")):
        say("reflected", table, [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)],
            look.get_pk_constraint(table), look.get_foreign_keys(table), look.get_indexes(table), look.get_unique_constraints(table))
    reflected = sa.MetaData()
    reflected.reflect(engine)
    say("metadata", sorted(reflected.tables))
    reflected.drop_all(engine)


def own(engine):
    def sources():
        with engine.connect() as conn:
            return conn.execute(sa.text("SELECT name, topics FROM metadb.data_sources ORDER BY name")).all()
    create = sa.text("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers :brokers, topics '^shop')")
    with engine.connect() as conn:
        conn.execute(create, {"brokers": "127.0.0.1:1"})
    say("rolled back", sources())
    with engine.begin() as conn:
        conn.execute(create, {"brokers": "127.0.0.1:1"})
    say("created", sources())
    with engine.connect() as conn:
        row = conn.execute(sa.text("LIST data_sources")).mappings().one()
        say("list", row["name"], row["brokers"], row["topics"], row["enable"])
        row = conn.execute(sa.text("LIST status")).mappings().one()
        say("status", row["type"], row["name"], type(row["events"]).__name__, type(row["unsynchronized"]).__name__)
        fails("unknown option", lambda: conn.execute(sa.text("CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')")))
    with engine.connect() as conn:
        fails("exists", lambda: conn.execute(create, {"brokers": "b"}))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("ALTER DATA SOURCE shop OPTIONS (SET topics :topics)"), {"topics": "it's ✓"})
    say("autocommit", sources())
    with engine.begin() as conn:
        for i in range(12):
            conn.execute(sa.text("ALTER DATA SOURCE shop OPTIONS (SET topics :topics)"), {"topics": f"t{i}"})
    say("repeated", sources())
    view = sa.Table("data_sources", sa.MetaData(), schema="metadb", autoload_with=engine)
    say("view reflected", [c.name for c in view.columns][:4])
    with engine.begin() as conn:
        conn.execute(sa.text("DROP DATA SOURCE shop"))
    say("dropped", sources())


for dialect in ("postgresql+psycopg", "postgresql+psycopg2"):
    say("driver", dialect)
    chosen = sa.create_engine(dialect + "://")
    {"plain": plain, "own": own}[sys.argv[1]](chosen)
    chosen.dispose()
say("done")
