// lib/pq by database/sql: the scenario of README.md. Connection by PG* variables.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
)

const columns = "name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note"

var (
	grace = []any{"Grace Capybara", "900-55-0001", day(1906, 12, 9), 85, int64(9007199254740993), "12.50", true,
		time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.UTC), "6f1f2b6e-0000-4000-8000-0000000000aa",
		[]byte{0, 1, 255, '\\'}, pq.Array([]sql.NullString{{String: "a,b", Valid: true}, {Valid: true}, {}, {String: "Ω\"", Valid: true}}), "clear"}
	zoe = []any{"Zoë O'Capybara \\ Ω", "901-55-0002", day(2001, 1, 1), -1, int64(0), "0.00", false,
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), "00000000-0000-0000-0000-000000000001",
		[]byte{}, pq.Array([]string{}), nil}
	nobody = []any{"", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil}
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func main() {
	// binary_parameters sends values in one message with the statement, in binary where lib/pq has it.
	for _, binary := range []string{"no", "yes"} {
		db, err := sql.Open("postgres", "sslmode=disable binary_parameters="+binary)
		check(err)
		db.SetMaxOpenConns(1)
		rows(db, "login", "SELECT current_user, current_schema, current_setting('server_version')")
		do(db, "DELETE FROM people")
		write(db)
		read(db)
		prepared(db)
		copied(db)
		cursor(db)
		transaction(db)
		cancel(db)
		check(db.Close())
	}
	notification()
}

func write(db *sql.DB) {
	places := make([]string, len(grace))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+2)
	}
	insert := "INSERT INTO people (id, " + columns + ") VALUES ($1, " + strings.Join(places, ", ") + ") RETURNING id, name, seen"
	for i, person := range [][]any{grace, zoe, nobody} {
		rows(db, "written", insert, append([]any{i + 1}, person...)...)
	}
}

// The simple protocol where there are no values, the extended one with them.
func read(db *sql.DB) {
	rows(db, "simple", "SELECT id, "+columns+" FROM people ORDER BY id")
	rows(db, "extended", "SELECT id, "+columns+" FROM people WHERE id > $1 ORDER BY id", 0)
	found, err := db.Query("SELECT * FROM people WHERE id = $1", 0)
	check(err)
	types, err := found.ColumnTypes()
	check(err)
	for _, t := range types {
		length, _ := t.Length()
		precision, scale, _ := t.DecimalSize()
		say("column", t.Name(), t.DatabaseTypeName(), t.ScanType(), length, precision, scale)
	}
	check(found.Close())
}

func prepared(db *sql.DB) {
	statement, err := db.Prepare("SELECT id, name, dob, tags FROM people WHERE ssn = $1")
	check(err)
	for i := 0; i < 7; i++ {
		found, err := statement.Query([]string{"900-55-0001", "901-55-0002"}[i%2])
		check(err)
		tell("prepared", found)
	}
	check(statement.Close())
	rows(db, "array", "SELECT id FROM people WHERE ssn = ANY ($1) OR token = $2 ORDER BY id", pq.Array([]string{"901-55-0002", "none"}), grace[8])
	do(db, "UPDATE people SET age = $1, tags = $2 WHERE ssn = $3", 86, pq.Array([]string{"new"}), "900-55-0001")
}

func copied(db *sql.DB) {
	tx, err := db.Begin()
	check(err)
	into, err := tx.Prepare(pq.CopyIn("people", "id", "name", "ssn", "dob", "photo"))
	check(err)
	for _, row := range [][]any{{60, "Carl Capybara", "900-55-0060", day(1980, 1, 2), []byte{1}}, {61, "Cleo\tCapybara", "900-55-0061", nil, nil}} {
		_, err = into.Exec(row...)
		check(err)
	}
	_, err = into.Exec()
	check(err)
	check(into.Close())
	check(tx.Commit())
	rows(db, "copied", "SELECT id, name, ssn, dob, photo FROM people WHERE id >= 60 ORDER BY id")
}

func cursor(db *sql.DB) {
	tx, err := db.Begin()
	check(err)
	_, err = tx.Exec("DECLARE portions CURSOR FOR SELECT id, name FROM people ORDER BY id")
	check(err)
	for i := 0; i < 3; i++ {
		found, err := tx.Query("FETCH 2 FROM portions")
		check(err)
		tell("cursor", found)
	}
	check(tx.Rollback())
}

func transaction(db *sql.DB) {
	tx, err := db.Begin()
	check(err)
	do(tx, "UPDATE people SET name = $1 WHERE id = 60", "Carl the Capybara")
	do(tx, "SAVEPOINT s")
	do(tx, "INSERT INTO people (id, name, ssn) VALUES (99, 'twice', $1)", "900-55-0001")
	do(tx, "SELECT 1")
	do(tx, "ROLLBACK TO s")
	rows(tx, "kept", "SELECT name FROM people WHERE id = 60")
	check(tx.Rollback())
	rows(db, "undone", "SELECT name FROM people WHERE id = 60")
	do(db, "INSERT INTO people (name) VALUES ($1)", nil)
	do(db, "INSERT INTO people (name, ssn) VALUES ('long', $1)", "900-55-0001-0")
	do(db, "UPDATE people SET dob = $1", "2023-02-30")
	do(db, "UPDATE people SET age = $1", "3000000000")
	do(db, "SELECT nothing FROM people")
	do(db, "SELEC 1")
	rows(db, "upserted", "INSERT INTO people (name, ssn) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name", "Carl again", "900-55-0060")
	do(db, "DELETE FROM people WHERE ssn IN ($1, $2)", "900-55-0060", "none")
}

func cancel(db *sql.DB) {
	soon, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_, err := db.ExecContext(soon, "SELECT name, pg_sleep(20) FROM people LIMIT 1")
	failed(err)
	do(db, "SELECT 1")
}

func notification() {
	listener := pq.NewListener("sslmode=disable", time.Second, time.Second, nil)
	check(listener.Listen("scenario"))
	db, err := sql.Open("postgres", "sslmode=disable")
	check(err)
	do(db, "NOTIFY scenario, 'hello'")
	heard := <-listener.Notify
	say("notified", heard.Channel, heard.Extra)
	check(listener.Close())
}

// ---- how it is said ----

type session interface {
	Exec(string, ...any) (sql.Result, error)
	Query(string, ...any) (*sql.Rows, error)
}

func do(s session, statement string, values ...any) {
	result, err := s.Exec(statement, values...)
	if err != nil {
		failed(err)
		return
	}
	count, err := result.RowsAffected()
	check(err)
	say("done", count)
}

func failed(err error) {
	var told *pq.Error
	if errors.As(err, &told) {
		say("failed", told.Code, told.Constraint)
	} else {
		say("failed", err)
	}
}

func rows(s session, what, statement string, values ...any) {
	found, err := s.Query(statement, values...)
	if err != nil {
		failed(err)
		return
	}
	tell(what, found)
}

func tell(what string, found *sql.Rows) {
	names, err := found.Columns()
	check(err)
	for found.Next() {
		row, places := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			places[i] = &row[i]
		}
		check(found.Scan(places...))
		say(what, row...)
	}
	check(found.Err())
}

func say(what string, values ...any) {
	told := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case time.Time:
			told[i] = v.UTC().Format(time.RFC3339Nano)
		case []byte:
			told[i] = fmt.Sprintf("%q", v)
		default:
			told[i] = fmt.Sprintf("%v", v)
		}
	}
	fmt.Printf("%s: %s\n", what, strings.Join(told, " | "))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
