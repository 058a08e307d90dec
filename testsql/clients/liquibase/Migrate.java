import java.nio.file.Path;
import java.sql.DriverManager;
import liquibase.Liquibase;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.resource.DirectoryResourceAccessor;

/** Migrates up, or both changes down. */
public class Migrate {
    public static void main(String[] args) throws Exception {
        var conn = DriverManager.getConnection(System.getenv("JDBC_URL"));
        var database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(new JdbcConnection(conn));
        try (var liquibase = new Liquibase("changelog.sql", new DirectoryResourceAccessor(Path.of("").toAbsolutePath()), database)) {
            if (args[0].equals("up")) liquibase.update(""); else liquibase.rollback(2, "");
        }
    }
}
