import org.flywaydb.core.Flyway;

/** Migrates; the schema public holds the functions of Metadb 1.4, so that Flyway wants a baseline. The way down is a migration too, as the free Flyway has no undo. */
public class Migrate {
    public static void main(String[] args) {
        var dir = System.getProperty("user.dir");
        var locations = args[0].equals("up") ? new String[] {"filesystem:" + dir + "/sql"} : new String[] {"filesystem:" + dir + "/sql", "filesystem:" + dir + "/undo"};
        var done = Flyway.configure().dataSource(System.getenv("JDBC_URL"), null, null).locations(locations)
            .baselineOnMigrate(true).baselineVersion("0").load().migrate();
        System.out.println(done.migrationsExecuted + " migrations");
    }
}
