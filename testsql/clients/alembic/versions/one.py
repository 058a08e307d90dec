"""The migration one."""
from alembic import op

revision = "one"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE one (id integer PRIMARY KEY)")
    op.execute("CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^shop')")
    op.execute("ALTER DATA SOURCE shop OPTIONS (SET topics '^shop2')")


def downgrade():
    op.execute("DROP DATA SOURCE shop")
    op.execute("DROP TABLE one")
