// pgjdbc: the scenario of README.md. Connection by PG* variables.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGStatement;

public class Pgjdbc {
    static final String COLUMNS = "name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note";
    static final Object[][] PEOPLE = {
        {"Grace Capybara", "900-55-0001", LocalDate.of(1906, 12, 9), 85, (1L << 53) + 1, new BigDecimal("12.50"), true,
            OffsetDateTime.parse("2024-02-29T12:34:56.789Z"), UUID.fromString("6f1f2b6e-0000-4000-8000-0000000000aa"),
            new byte[] {0, 1, (byte) 0xff, '\\'}, new String[] {"a,b", "", null, "Ω\""}, "clear"},
        {"Zoë O'Capybara \\ Ω", "901-55-0002", LocalDate.of(2001, 1, 1), -1, 0L, new BigDecimal("0.00"), false,
            OffsetDateTime.parse("1969-12-31T23:59:59Z"), new UUID(0, 1), new byte[0], new String[0], null},
        {"", null, null, null, null, null, null, null, null, null, null, null},
    };

    static Connection connection;

    public static void main(String[] args) throws Exception {
        connection = connect("extended", -1);
        DatabaseMetaData server = connection.getMetaData();
        say("login", server.getDatabaseProductName(), server.getUserName(), connection.getSchema());
        write();
        read();
        prepared();
        pipelined();
        copies();
        cursor();
        transaction();
        changes();
        cancel();
        notification();
        reflection(server);
        connection.close();
    }

    static void write() throws SQLException {
        String marks = String.join(", ", Collections.nCopies(PEOPLE[0].length, "?"));
        String insert = "INSERT INTO people (" + COLUMNS + ") VALUES (" + marks + ")";
        try (PreparedStatement statement = connection.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
            ParameterMetaData parameters = statement.getParameterMetaData();
            for (int i = 1; i <= parameters.getParameterCount(); i++) say("parameter", i, parameters.getParameterTypeName(i));
            for (Object[] person : PEOPLE) {
                for (int i = 0; i < person.length; i++) {
                    boolean array = person[i] instanceof String[];
                    statement.setObject(i + 1, array ? connection.createArrayOf("text", (String[]) person[i]) : person[i]);
                }
                say("written", statement.executeUpdate());
                rows("keys", statement.getGeneratedKeys());
            }
        }
    }

    /** The rows by protocol: simple, extended in text, extended in binary. */
    static void read() throws SQLException {
        String select = "SELECT id, " + COLUMNS + " FROM people ORDER BY id";
        for (String mode : List.of("simple", "extended")) {
            for (int binaryFrom : new int[] {0, -1}) {
                try (Connection other = connect(mode, binaryFrom); Statement statement = other.createStatement()) {
                    rows(mode + (binaryFrom < 0 ? " binary" : " text"), statement.executeQuery(select));
                }
            }
        }
        try (Statement statement = connection.createStatement(); ResultSet found = statement.executeQuery(select)) {
            ResultSetMetaData columns = found.getMetaData();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                say("column", columns.getColumnName(i), columns.getColumnTypeName(i), columns.getColumnClassName(i),
                    columns.getPrecision(i), columns.getScale(i), columns.getColumnDisplaySize(i), columns.getTableName(i),
                    columns.isNullable(i), columns.isAutoIncrement(i), columns.isCaseSensitive(i));
            }
        }
    }

    /** More often than the threshold from which pgjdbc names its statement and reads binary. */
    static void prepared() throws SQLException {
        String select = "SELECT id, " + COLUMNS + " FROM people WHERE ssn = ?";
        try (PreparedStatement statement = connection.prepareStatement(select)) {
            for (int i = 0; i < 8; i++) {
                statement.setString(1, i % 2 == 0 ? "900-55-0001" : "901-55-0002");
                rows("prepared", statement.executeQuery());
            }
            say("on the server", statement.unwrap(PGStatement.class).isUseServerPrepare());
        }
        String any = "SELECT id, name FROM people WHERE ssn = ANY (?) OR token = ? ORDER BY id";
        try (PreparedStatement statement = connection.prepareStatement(any)) {
            statement.setArray(1, connection.createArrayOf("varchar", new String[] {"901-55-0002", "none"}));
            statement.setObject(2, PEOPLE[0][8]);
            rows("array", statement.executeQuery());
        }
    }

    static void pipelined() throws SQLException {
        String update = "UPDATE people SET age = ?, note = ? WHERE ssn = ?";
        try (PreparedStatement statement = connection.prepareStatement(update)) {
            for (int i = 0; i < 300; i++) {
                statement.setInt(1, i);
                statement.setString(2, "batch " + i);
                statement.setString(3, i % 3 == 0 ? "900-55-0001" : i % 3 == 1 ? "901-55-0002" : "none");
                statement.addBatch();
            }
            say("pipelined", Arrays.stream(statement.executeBatch()).sum());
        }
        try (Statement statement = connection.createStatement()) {
            statement.addBatch("INSERT INTO people (id, name) VALUES (50, 'batched')");
            statement.addBatch("UPDATE people SET name = 'again', visits = visits + 1 WHERE id = 50");
            statement.addBatch("DELETE FROM people WHERE id = 50");
            say("statements", Arrays.toString(statement.executeBatch()));
            rows("after", statement.executeQuery("SELECT id, age, note FROM people ORDER BY id"));
        }
    }

    static void copies() throws SQLException, java.io.IOException {
        var copies = connection.unwrap(PGConnection.class).getCopyAPI();
        String csv = "60,Carl Capybara,900-55-0060,1980-01-02\n61,\"Cleo, \"\"Capybara\"\"\",900-55-0061,\n";
        say("copied in", copies.copyIn("COPY people (id, name, ssn, dob) FROM STDIN (FORMAT csv)", new StringReader(csv)));
        StringWriter out = new StringWriter();
        long count = copies.copyOut("COPY (SELECT * FROM people ORDER BY id) TO STDOUT (FORMAT csv, HEADER)", out);
        say("copied out", count, out);
    }

    /** A portal that is fetched from two rows at a time, then one that goes back, then one that writes. */
    static void cursor() throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(2);
            rows("cursor", statement.executeQuery("SELECT id, name, tags FROM people ORDER BY id"));
        }
        connection.commit();
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            ResultSet found = statement.executeQuery("SELECT id, name, cost FROM people ORDER BY id");
            found.last();
            say("last", found.getRow(), found.getString("name"));
            found.updateBigDecimal("cost", new BigDecimal("7.125"));
            found.updateRow();
            found.refreshRow();
            say("updated", found.getBigDecimal("cost"));
            found.moveToInsertRow();
            found.updateInt("id", 62);
            found.updateString("name", "Coco Capybara");
            found.insertRow();
            found.last();
            found.deleteRow();
            rows("left", statement.executeQuery("SELECT id, name, cost FROM people ORDER BY id"));
        }
    }

    /** Errors: each one's code, what the block and its savepoint make of it, and that the session goes on. */
    static void transaction() throws SQLException {
        String twice = "INSERT INTO people (name, ssn) VALUES ('twice', '900-55-0001')";
        connection.setAutoCommit(false);
        run("UPDATE people SET alive = false WHERE id = 60");
        Savepoint savepoint = connection.setSavepoint();
        failure(twice);
        failure("SELECT 1");
        connection.rollback(savepoint);
        rows("kept", connection.createStatement().executeQuery("SELECT alive FROM people WHERE id = 60"));
        connection.rollback();
        rows("undone", connection.createStatement().executeQuery("SELECT alive FROM people WHERE id = 60"));
        connection.rollback();
        connection.setAutoCommit(true);
        failure("INSERT INTO people (name) VALUES (NULL)");
        failure("INSERT INTO people (name, ssn) VALUES ('long', '900-55-0001-0')");
        failure("INSERT INTO people (name, dob) VALUES ('no day', '2023-02-30')");
        failure("UPDATE people SET age = 3000000000");
        failure("SELECT nothing FROM people");
        failure("SELEC 1");
    }

    static void changes() throws SQLException {
        String upsert = "INSERT INTO people (name, ssn) VALUES (?, ?) "
            + "ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name, visits = people.visits + 1 RETURNING id > 0, name, visits";
        try (PreparedStatement statement = connection.prepareStatement(upsert)) {
            statement.setString(1, "Carl the Capybara");
            statement.setString(2, "900-55-0060");
            rows("upsert", statement.executeQuery());
        }
        try (PreparedStatement statement = connection.prepareStatement("DELETE FROM people WHERE ssn = ?")) {
            statement.setString(1, "900-55-0061");
            say("deleted", statement.executeUpdate());
        }
    }

    static void cancel() throws Exception {
        try (Statement statement = connection.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(1000);
                    statement.cancel();
                } catch (Exception e) {
                    say("cannot cancel", e.getMessage());
                }
            });
            canceller.start();
            failure(statement, "SELECT pg_sleep(20)");
            canceller.join();
        }
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            failure(statement, "SELECT name, pg_sleep(20) FROM people WHERE id = 1");
        }
    }

    static void notification() throws SQLException {
        run("LISTEN scenario");
        try (Connection other = connect("extended", 5); Statement statement = other.createStatement()) {
            statement.execute("NOTIFY scenario, 'hello'");
        }
        for (var heard : connection.unwrap(PGConnection.class).getNotifications(5000)) {
            say("notified", heard.getName(), heard.getParameter());
        }
    }

    static void reflection(DatabaseMetaData schema) throws SQLException {
        rows("schemas", schema.getSchemas());
        rows("tables", schema.getTables(null, "public", "%", null));
        rows("columns", schema.getColumns(null, "public", "%", "%"));
        rows("procedures", schema.getProcedures(null, "public", "%"));
        sorted("types", schema.getTypeInfo());
        rows("own types", schema.getUDTs(null, null, "%", null));
        for (String table : List.of("people", "claims", "names")) {
            rows("primary key of " + table, schema.getPrimaryKeys(null, "public", table));
            ResultSet indexes = schema.getIndexInfo(null, "public", table, false, false);
            while (indexes.next()) { // its rows and pages are not told: cells take more of them
                say("index of " + table, indexes.getString("INDEX_NAME"), indexes.getBoolean("NON_UNIQUE"), indexes.getInt("TYPE"),
                    indexes.getInt("ORDINAL_POSITION"), indexes.getString("COLUMN_NAME"), indexes.getString("ASC_OR_DESC"));
            }
            rows("imported by " + table, schema.getImportedKeys(null, "public", table));
            rows("exported by " + table, schema.getExportedKeys(null, "public", table));
            rows("privileges on " + table, schema.getTablePrivileges(null, "public", table));
            rows("privileges in " + table, schema.getColumnPrivileges(null, "public", table, "%"));
            rows("row of " + table, schema.getBestRowIdentifier(null, "public", table, 0, true));
        }
    }

    // ---- how it is said ----

    static Connection connect(String mode, int binaryFrom) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", System.getenv("PGUSER"));
        p.setProperty("password", System.getenv("PGPASSWORD"));
        p.setProperty("preferQueryMode", mode);
        p.setProperty("binaryTransfer", binaryFrom == 0 ? "false" : "true");
        p.setProperty("prepareThreshold", String.valueOf(binaryFrom));
        String place = System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        return DriverManager.getConnection("jdbc:postgresql://" + place, p);
    }

    static void run(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static void failure(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            failure(statement, sql);
        }
    }

    static void failure(Statement statement, String sql) {
        try {
            statement.execute(sql);
            say("no failure", sql);
        } catch (SQLException e) {
            say("failed", e.getSQLState(), e.getClass().getSimpleName());
        }
    }

    static void rows(String what, ResultSet rows) throws SQLException {
        for (String row : read(rows)) say(what, row);
    }

    /** Rows that pgjdbc asks for in no order. */
    static void sorted(String what, ResultSet rows) throws SQLException {
        for (String row : new TreeSet<>(read(rows))) say(what, row);
    }

    static List<String> read(ResultSet rows) throws SQLException {
        List<String> all = new ArrayList<>();
        int columns = rows.getMetaData().getColumnCount();
        while (rows.next()) {
            Object[] row = new Object[columns];
            for (int i = 0; i < columns; i++) row[i] = rows.getObject(i + 1);
            all.add(joined(row));
        }
        rows.close();
        return all;
    }

    static void say(String what, Object... values) {
        System.out.println(what + ": " + joined(values));
    }

    static String joined(Object... values) {
        StringJoiner line = new StringJoiner(" | ");
        for (Object value : values) line.add(shown(value));
        return line.toString();
    }

    static String shown(Object value) {
        try {
            if (value instanceof byte[] bytes) return HexFormat.of().formatHex(bytes);
            if (value instanceof Array array) return Arrays.deepToString((Object[]) array.getArray());
            return String.valueOf(value);
        } catch (SQLException e) {
            return e.toString();
        }
    }
}
