import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.util.PSQLException;

/** The programme of the clients, with pgJDBC: plain SQL, or Metadb's own statements. */
public class Program {
    static Connection conn;

    interface Call { void run() throws Exception; }

    static void say(String step, Object... values) {
        System.out.println(step + ": " + String.join(" ", Arrays.stream(values).map(String::valueOf).toList()));
    }

    static void fails(String step, Call call) throws Exception {
        try {
            call.run();
            say(step, "no error");
        } catch (PSQLException e) {
            var m = e.getServerErrorMessage();
            if (m == null) { say(step, e.getSQLState(), e.getMessage()); return; }
            say(step, m.getSQLState(), "at", m.getPosition(), m.getMessage(), "|", m.getHint(), "|", m.getConstraint());
        } catch (BatchUpdateException e) {
            say(step, e.getSQLState(), Arrays.toString(e.getUpdateCounts()));
        }
    }

    static int update(String sql, Object... values) throws SQLException {
        try (var s = conn.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
            return s.executeUpdate();
        }
    }

    static String rows(String sql, Object... values) throws SQLException {
        try (var s = conn.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
            try (var r = s.executeQuery()) {
                var out = new ArrayList<String>();
                while (r.next()) {
                    var row = new ArrayList<String>();
                    for (int i = 1; i <= r.getMetaData().getColumnCount(); i++) row.add(r.getString(i));
                    out.add(row.toString());
                }
                return out.toString();
            }
        }
    }

    static void plain() throws Exception {
        say("types", rows("SELECT ?::int8, ?::numeric, ?::text, ?::date, ?::bool, ?::text", 42L, new java.math.BigDecimal("1.50"), "Grüße 'quoted' \\ ✓",
            java.sql.Date.valueOf("2026-02-28"), true, null));
        update("CREATE TABLE item (id integer PRIMARY KEY, name text)");
        conn.setAutoCommit(false);
        say("insert", update("INSERT INTO item VALUES (?, ?)", 1, "one"));
        conn.rollback();
        say("rolled back", rows("SELECT count(*) FROM item"));
        conn.commit();
        update("INSERT INTO item VALUES (3, 'three')");
        var save = conn.setSavepoint();
        fails("duplicate", () -> update("INSERT INTO item VALUES (?, 'x')", 3));
        conn.rollback(save);
        conn.commit();
        conn.setAutoCommit(true);
        fails("no table", () -> rows("SELECT 'é', 1 FROM nosuch"));
        try (var s = conn.prepareStatement("SELECT ?::int + 1")) {
            for (int i = 0; i < 12; i++) {
                s.setInt(1, i);
                try (var r = s.executeQuery()) { r.next(); say("prepared", r.getInt(1)); }
            }
        }
        try (var s = conn.prepareStatement("INSERT INTO item VALUES (?, ?)")) {
            for (int i = 0; i < 300; i++) { s.setInt(1, i + 100); s.setString(2, "b"); s.addBatch(); }
            say("batch", s.executeBatch().length);
            for (int i = 0; i < 3; i++) { s.setInt(1, 3000 + i % 2); s.setString(2, "b"); s.addBatch(); }
            fails("broken batch", () -> s.executeBatch());
        }
        var copy = ((PGConnection) conn).getCopyAPI();
        say("copy in", copy.copyIn("COPY item FROM STDIN", new StringReader("5000\ta\n5001\tb\n")));
        var out = new StringWriter();
        say("copy out", copy.copyOut("COPY (SELECT * FROM item WHERE id >= 5000 ORDER BY id) TO STDOUT", out), out.toString().replace('\n', ';'));
        fails("broken copy", () -> copy.copyIn("COPY item FROM STDIN", new StringReader("not a number\tx\n")));
        conn.setAutoCommit(false);
        try (var s = conn.createStatement()) {
            s.setFetchSize(50);
            int n = 0;
            try (var r = s.executeQuery("SELECT generate_series(1, 1000)")) { while (r.next()) n++; }
            say("fetch size", n);
        }
        conn.commit();
        conn.setAutoCommit(true);
        try (var s = conn.createStatement()) {
            boolean more = s.execute("SELECT 1; INSERT INTO item VALUES (9000, 'x'); SELECT 'last'");
            say("several statements", more, s.getMoreResults(), s.getUpdateCount(), s.getMoreResults());
            s.setQueryTimeout(1);
            fails("cancel", () -> s.execute("SELECT pg_sleep(60)"));
        }
        say("large", rows("SELECT ?::text", "x".repeat(3_000_000)).length());
        try (var t = conn.getMetaData().getTables(null, "public", "%", new String[] {"TABLE"})) { while (t.next()) say("table", t.getString(3)); }
        try (var t = conn.getMetaData().getColumns(null, "public", "item", "%")) { while (t.next()) say("column", t.getString(4), t.getString(6)); }
        update("LISTEN bell");
        rows("SELECT pg_notify('bell', 'ring')");
        for (PGNotification n : ((PGConnection) conn).getNotifications(10_000)) say("notify", n.getName(), n.getParameter());
        try (var s = conn.createStatement()) {
            s.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
            say("notice", s.getWarnings().getMessage());
        }
    }

    static void own() throws Exception {
        var sources = "SELECT name, topics FROM metadb.data_sources ORDER BY name";
        var create = "CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers ?, topics ?)";
        conn.setAutoCommit(false);
        say("create", update(create, "127.0.0.1:1", "^shop"), rows(sources));
        conn.rollback();
        say("rolled back", rows(sources));
        update(create, "127.0.0.1:1", "it's \\ ✓");
        conn.commit();
        conn.setAutoCommit(true);
        for (int i = 0; i < 7; i++) {
            try (var s = conn.prepareStatement("LIST data_sources"); var r = s.executeQuery()) {
                r.next();
                say("list", r.getString("name"), r.getString("brokers"), r.getString("topics"), r.getBoolean("enable"));
            }
        }
        try (var s = conn.createStatement(); var r = s.executeQuery("LIST status")) {
            var m = r.getMetaData();
            r.next();
            say("status", r.getString("type"), r.getString("name"), m.getColumnTypeName(r.findColumn("events")), m.getColumnTypeName(r.findColumn("unsynchronized")));
        }
        fails("unknown option", () -> update("/* é */ CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"));
        fails("exists", () -> update(create, "b", "t"));
        conn.setAutoCommit(false);
        fails("in a transaction", () -> update(create, "b", "t"));
        fails("aborted", () -> rows("LIST status"));
        conn.rollback();
        var save = conn.setSavepoint();
        update("DROP DATA SOURCE shop");
        conn.rollback(save);
        say("savepoint", rows(sources));
        conn.commit();
        conn.setAutoCommit(true);
        try (var s = conn.prepareStatement("ALTER DATA SOURCE shop OPTIONS (SET topics ?)")) {
            for (int i = 0; i < 12; i++) { s.setString(1, "t" + i); s.executeUpdate(); }
            say("prepared", rows(sources));
            for (int i = 0; i < 3; i++) { s.setString(1, "batch" + i); s.addBatch(); }
            say("batch", Arrays.toString(s.executeBatch()), rows(sources));
        }
        conn.setAutoCommit(false);
        try (var s = conn.createStatement()) {
            s.setFetchSize(2);
            int n = 0;
            try (var r = s.executeQuery("LIST config")) { while (r.next()) n++; }
            say("fetch size", n > 2);
        }
        conn.commit();
        conn.setAutoCommit(true);
        try (var s = conn.createStatement()) {
            boolean first = s.execute("CREATE DATA ORIGIN a; LIST data_origins; DROP DATA ORIGIN a");
            say("several statements", first, s.getUpdateCount(), s.getMoreResults());
            fails("one of several", () -> s.execute("CREATE DATA ORIGIN b; CREATE DATA ORIGIN b"));
        }
        var out = new StringWriter();
        ((PGConnection) conn).getCopyAPI().copyOut("COPY (SELECT name FROM metadb.data_sources) TO STDOUT", out);
        say("copy of a view", out.toString().trim(), rows("LIST data_origins"));
        say("drop", update("DROP DATA SOURCE shop"), rows(sources));
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        var env = System.getenv();
        var props = new Properties();
        props.setProperty("user", env.get("PGUSER"));
        props.setProperty("password", env.get("PGPASSWORD"));
        props.setProperty("preferQueryMode", args[1]);
        props.setProperty("sslmode", env.get("PGSSLMODE"));
        if (env.containsKey("PGSSLROOTCERT")) props.setProperty("sslrootcert", env.get("PGSSLROOTCERT"));
        conn = DriverManager.getConnection("jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE"), props);
        if (args[0].equals("plain")) plain(); else own();
        conn.close();
        System.out.println("done:");
    }
}
