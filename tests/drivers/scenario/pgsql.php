<?php
// PHP's pgsql extension and PDO: the scenario of README.md. Connection by PG* variables.

error_reporting(E_ALL);

const GRACE = [
    'name' => 'Grace Capybara', 'ssn' => '900-55-0001', 'dob' => '1906-12-09', 'age' => 85, 'big' => 9007199254740993,
    'cost' => '12.50', 'alive' => 't', 'seen' => '2024-02-29 12:34:56.789+00',
    'token' => '6f1f2b6e-0000-4000-8000-0000000000aa', 'tags' => '{"a,b","",NULL,"Ω\""}', 'note' => 'clear',
];
const ZOE = [
    'name' => "Zoë O'Capybara \\ Ω", 'ssn' => '901-55-0002', 'dob' => '2001-01-01', 'age' => -1, 'big' => 0,
    'cost' => '0.00', 'alive' => 'f', 'seen' => '1969-12-31 23:59:59+00',
    'token' => '00000000-0000-0000-0000-000000000001', 'tags' => '{}', 'note' => null,
];
const COLUMNS = 'name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note';
const PHOTO = "\x00\x01\xff\\";

function say(string $what, ...$values): void
{
    echo "$what: ", json_encode($values, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR), "\n";
}

function through_pgsql(): void
{
    $db = pg_connect('');
    say('login', pg_parameter_status($db, 'server_version'), pg_parameter_status($db, 'session_authorization'), pg_client_encoding($db));
    converted($db);
    bound($db);
    pipelined($db);
    copied($db);
    cursor($db);
    transaction($db);
    cancel($db);
    notification($db);
    foreach (['people', 'claims', 'names'] as $table) {
        say("meta data of $table", pg_meta_data($db, $table), pg_meta_data($db, "public.$table", true));
    }
}

/** The functions that ask pg_meta_data what a column is, and write SQL by what they find. */
function converted($db): void
{
    $photo = ['photo' => PHOTO];
    say('converted', pg_convert($db, 'people', GRACE + $photo), pg_convert($db, 'people', ['cost' => '', 'dob' => '', 'alive' => '']));
    say('as text', pg_insert($db, 'people', ['id' => 1] + GRACE + $photo, PGSQL_DML_STRING));
    say('written', pg_insert($db, 'people', ['id' => 1] + GRACE + $photo) !== false);
    say('written', pg_insert($db, 'people', ['id' => 2] + ZOE) !== false);
    say('written', pg_insert($db, 'people', ['id' => 3, 'name' => '', 'dob' => '']) !== false);
    say('selected', pg_select($db, 'people', ['ssn' => '900-55-0001']));
    say('selected', pg_select($db, 'people', ['token' => ZOE['token'], 'ssn' => ZOE['ssn']]));
    say('updated', pg_update($db, 'people', ['age' => 86, 'name' => "Grace 'Capybara'"], ['ssn' => '900-55-0001']));
    say('wrong', @pg_insert($db, 'people', ['id' => 4, 'name' => 'x', 'age' => 'old']));
    say('deleted', pg_delete($db, 'people', ['id' => 3]));
    all($db, "SELECT * FROM people ORDER BY id");
}

function bound($db): void
{
    $insert = "INSERT INTO people (id, name, ssn, dob, age, alive) VALUES ($1, $2, $3, $4, $5, $6) RETURNING name, age";
    say('returned', pg_fetch_all(pg_query_params($db, $insert, [5, 'Cleo Capybara', '900-55-0005', '1980-01-02', null, 'f'])));
    pg_prepare($db, "by_ssn", "SELECT id, " . COLUMNS . " FROM people WHERE ssn = $1");
    for ($i = 0; $i < 7; $i++) {
        say('prepared', pg_fetch_all(pg_execute($db, "by_ssn", [$i % 2 ? '900-55-0001' : '901-55-0002'])));
    }
    say('array', pg_fetch_all(pg_query_params($db, "SELECT id, name FROM people WHERE ssn = ANY ($1) ORDER BY id", ['{900-55-0001,900-55-0005}'])));
    say('deleted', pg_affected_rows(pg_query_params($db, "DELETE FROM people WHERE ssn = $1", ['900-55-0005'])));
}

/** Several statements in one string, and their results one by one. */
function pipelined($db): void
{
    pg_send_query($db, "UPDATE people SET age = 7 WHERE ssn = '901-55-0002'; SELECT name, age FROM people ORDER BY id; SELECT 1");
    say('pipelined', array_map(fn ($r) => [pg_affected_rows($r), pg_fetch_all($r)], results($db)));
}

function results($db): array
{
    for ($all = []; ($result = pg_get_result($db)) !== false; $all[] = $result);
    return $all;
}

function copied($db): void
{
    $lines = ["60\tCarl Capybara\t900-55-0060\t1980-01-02\n", "61\tCleo\\tCapybara\t900-55-0061\t\\N\n"];
    pg_query($db, "COPY people (id, name, ssn, dob) FROM STDIN");
    foreach ($lines as $line) pg_put_line($db, $line);
    pg_put_line($db, "\\.\n");
    say('copied in', pg_end_copy($db));
    $lines = pg_copy_to($db, 'people', '|', 'nothing');
    sort($lines); // COPY of a table has no order
    say('copied out', $lines);
    $row = "62|Coco Capybara|900-55-0062|nothing|1|2|3.50|t|nothing|nothing|nothing|nothing|0|nothing";
    say('copied in', pg_copy_from($db, 'people', [$row], '|', 'nothing'));
    all($db, "SELECT * FROM people WHERE id >= 60 ORDER BY id");
}

function cursor($db): void
{
    pg_query($db, 'BEGIN');
    pg_query($db, "DECLARE portions SCROLL CURSOR FOR SELECT id, name FROM people ORDER BY id");
    foreach (['2', '2', 'BACKWARD 1', 'ALL'] as $which) say('cursor', pg_fetch_all(pg_query($db, "FETCH $which FROM portions")));
    pg_query($db, 'COMMIT');
}

function transaction($db): void
{
    $try = function (string $sql, array $values = []) use ($db) {
        pg_send_query_params($db, $sql, $values);
        foreach (results($db) as $r) say('state', pg_result_error_field($r, PGSQL_DIAG_SQLSTATE), pg_result_error_field($r, PGSQL_DIAG_CONSTRAINT_NAME), pg_transaction_status($db));
    };
    $try('BEGIN');
    $try("UPDATE people SET name = $1 WHERE id = 60", ['Carl the Capybara']);
    $try('SAVEPOINT s');
    $try("INSERT INTO people (id, name, ssn) VALUES (99, 'twice', $1)", ['900-55-0001']);
    $try('SELECT 1');
    $try('ROLLBACK TO s');
    all($db, "SELECT name FROM people WHERE id = 60");
    $try('ROLLBACK');
    all($db, "SELECT name FROM people WHERE id = 60");
    $try("INSERT INTO people (name) VALUES ($1)", [null]);
    $try("INSERT INTO people (name, ssn) VALUES ('long', $1)", ['900-55-0001-0']);
    $try("UPDATE people SET dob = $1", ['2023-02-30']);
    $try("UPDATE people SET age = $1", ['3000000000']);
    $try("SELECT nothing FROM people");
    $try('SELEC 1');
}

function cancel($db): void
{
    pg_send_query($db, 'SELECT pg_sleep(20)');
    usleep(1_000_000);
    say('cancelled', pg_cancel_query($db));
    pg_send_query($db, "SET statement_timeout = '300ms'; SELECT name, pg_sleep(20) FROM people WHERE id = 1; SELECT 1");
    say('timed out', array_map(fn ($r) => pg_result_error_field($r, PGSQL_DIAG_SQLSTATE), results($db)));
    pg_query($db, 'RESET statement_timeout');
    say('goes on', pg_fetch_all(pg_query($db, 'SELECT 1 AS one')));
}

function notification($db): void
{
    pg_query($db, 'LISTEN scenario');
    pg_query(pg_connect('', PGSQL_CONNECT_FORCE_NEW), "NOTIFY scenario, 'hello'");
    for ($i = 0; $i < 50 && ($heard = pg_get_notify($db)) === false; $i++) usleep(100_000);
    say('notified', $heard['message'], $heard['payload']);
}

function all($db, string $sql): void
{
    $result = pg_query($db, $sql);
    for ($i = 0; $i < pg_num_fields($result); $i++) {
        say('column', pg_field_name($result, $i), pg_field_type($result, $i), pg_field_size($result, $i), pg_field_table($result, $i));
    }
    foreach (pg_fetch_all($result) as $row) say('row', $row);
}

/** PDO: parameters on the server, and written into the text by PDO itself. */
function through_pdo(): void
{
    foreach ([false, true] as $emulated) {
        $db = new PDO('pgsql:', getenv('PGUSER'), getenv('PGPASSWORD'), [PDO::ATTR_EMULATE_PREPARES => $emulated]);
        say('PDO', $emulated ? 'writes values into the text' : 'binds');
        $db->exec("DELETE FROM people");
        $insert = $db->prepare("INSERT INTO people (id, " . COLUMNS . ') VALUES (' . implode(', ', array_fill(0, 13, '?')) . ')');
        $values = fn (int $id, array $person) => [$id, ...array_slice(array_values($person), 0, 9), null, $person['tags'], $person['note']];
        say('written', $insert->execute($values(1, GRACE)), $insert->execute($values(2, ZOE)));
        $photo = $db->prepare("UPDATE people SET photo = :photo, alive = :alive, age = :age WHERE ssn = :ssn");
        $photo->bindValue(':photo', PHOTO, PDO::PARAM_LOB);
        $photo->bindValue(':alive', true, PDO::PARAM_BOOL);
        $photo->bindValue(':age', 41, PDO::PARAM_INT);
        $photo->bindValue(':ssn', '900-55-0001');
        say('updated', $photo->execute(), $photo->rowCount());
        $read = $db->prepare("SELECT * FROM people WHERE ssn IN (?, ?) ORDER BY id");
        for ($i = 0; $i < 3; $i++) {
            $read->execute(['900-55-0001', '901-55-0002']);
            foreach ($read->fetchAll(PDO::FETCH_ASSOC) as $row) {
                if ($row['photo'] !== null) $row['photo'] = bin2hex(stream_get_contents($row['photo']));
                say('row', $row);
            }
        }
        for ($i = 0; $i < $read->columnCount(); $i++) {
            $meta = $read->getColumnMeta($i);
            unset($meta['pgsql:table_oid']);
            say('column', $meta);
        }
        $db->beginTransaction();
        try {
            $insert->execute($values(9, GRACE));
            say('no failure');
        } catch (PDOException $e) {
            say('failed', $e->getCode());
        }
        $db->rollBack();
        say('copied in', $db->pgsqlCopyFromArray('people', ["70\tCara Capybara\t900-55-0070"], "\t", "\\\\N", 'id, name, ssn'));
        $lines = $db->pgsqlCopyToArray('people', "\t", "\\\\N", 'id, name, ssn, dob, tags');
        sort($lines); // COPY of a table has no order
        say('copied out', $lines);
        $cursor = $db->prepare("SELECT id, name FROM people ORDER BY id", [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
        $cursor->execute();
        say('cursor', $cursor->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST), $cursor->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_PRIOR));
        say('last id', $db->query("INSERT INTO people (id, name) VALUES (500, 'last') RETURNING name")->fetchColumn());
        $db->exec('LISTEN pdo');
        $db->exec("NOTIFY pdo, 'hello'");
        $heard = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 2000);
        say('notified', $heard['message'], $heard['payload']);
    }
}

through_pgsql();
through_pdo();
