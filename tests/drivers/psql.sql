\set ON_ERROR_STOP on
\pset null '(null)'
SET timezone = 'UTC';
CREATE TABLE people (
  id int PRIMARY KEY, name text NOT NULL, ssn varchar(11) UNIQUE, dob date, age int4, big int8,
  cost numeric(10,2), alive bool, seen timestamptz, token uuid, note text);
INSERT INTO people VALUES
  (1, 'Grace Capybara', '900-55-0001', '1906-12-09', 85, 9007199254740993, 12.5, true,
   '2024-02-29 12:34:56.789+00', '6f1f2b6e-0000-4000-8000-0000000000aa', 'clear'),
  (2, 'Zoë O''Capybara \ Ω', '901-55-0002', '2001-01-01', -1, 0, 0, 'no', '1969-12-31 23:59:59Z', NULL, NULL);
SELECT * FROM people ORDER BY id;
SELECT name FROM people WHERE ssn = '900-55-0001';
UPDATE people SET age = 86 WHERE ssn = '900-55-0001' RETURNING name, age;
\set ON_ERROR_STOP off
BEGIN;
SELECT id FROM people WHERE name LIKE 'Grace%';
SELECT 1;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO people (id, name, ssn) VALUES (3, 'x', '901-55-0002');
ROLLBACK TO s;
INSERT INTO people (id, name, ssn) VALUES (3, 'x', '901-55-0002')
  ON CONFLICT (ssn) DO UPDATE SET name = excluded.name RETURNING id, name;
ROLLBACK;
\set ON_ERROR_STOP on
INSERT INTO people (id, name, ssn) VALUES (4, 'y', '902-55-0003')
  ON CONFLICT (ssn) DO UPDATE SET name = excluded.name RETURNING id, name;
DELETE FROM people WHERE ssn = '902-55-0003' RETURNING name;
\set FETCH_COUNT 1
SELECT name, ssn FROM people ORDER BY id;
\unset FETCH_COUNT
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT name, age FROM people ORDER BY id;
FETCH LAST FROM c;
MOVE BACKWARD ALL IN c;
FETCH FORWARD 1 FROM c;
COMMIT;
PREPARE by_ssn (text, int) AS SELECT name FROM people WHERE ssn = $1 AND id < $2;
EXECUTE by_ssn('900-55-0001', 5);
DEALLOCATE by_ssn;
SELECT id, name, ssn FROM people WHERE ssn IN ('900-55-0001', '901-55-0002') ORDER BY id;
SELECT name FROM people WHERE id = 1 \gdesc
