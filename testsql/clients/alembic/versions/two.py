"""The migration two."""
from alembic import op

revision = "two"
down_revision = "one"


def upgrade():
    op.execute("CREATE TABLE two (id integer PRIMARY KEY)")
    op.execute("ALTER DATA SOURCE shop OPTIONS (SET topics '^shop3')")
    op.execute("CREATE DATA SOURCE more TYPE kafka OPTIONS (brokers '127.0.0.1:1', topisc '^more')")


def downgrade():
    op.execute("DROP DATA SOURCE more")
    op.execute("ALTER DATA SOURCE shop OPTIONS (SET topics '^shop2')")
    op.execute("DROP TABLE two")
