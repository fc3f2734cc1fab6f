// node-postgres, with pg-cursor and pg-copy-streams: the scenario of README.md. Connection by PG* variables.

const { once } = require('node:events');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');
const copies = require('pg-copy-streams');
const { COLUMNS, GRACE, ZOE, NOBODY, say, failure } = require('./people.js');

const LIST = COLUMNS.join(', ');

async function main() {
  const client = new Client();
  await client.connect();
  say('login', (await client.query('SHOW server_version')).rows, (await client.query('SELECT current_user, current_schema')).rows);
  await write(client);
  await read(client);
  await prepared(client);
  await pipelined(client);
  await copied(client);
  await cursor(client);
  await transaction(client);
  await cancel(client);
  await notification(client);
  await client.end();
}

async function write(client) {
  const places = COLUMNS.map((_, i) => `$${i + 1}`).join(', ');
  for (const person of [GRACE, ZOE, NOBODY]) {
    const { rows, rowCount, command } = await client.query(`INSERT INTO people (${LIST}) VALUES (${places}) RETURNING id, name, seen`, COLUMNS.map((c) => person[c]));
    say('written', command, rowCount, rows);
  }
}

/** The simple protocol, the extended one in text and in binary, rows as arrays. */
async function read(client) {
  const text = `SELECT id, ${LIST} FROM people ORDER BY id`;
  for (const how of [text, { text, values: [] }, { text, binary: true }, { text, rowMode: 'array' }]) {
    const { rows, fields } = await client.query(how);
    rows.forEach((row) => say('row', row));
    fields.forEach((f) => say('column', f.name, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.columnID, f.format));
  }
}

async function prepared(client) {
  const named = { name: 'by ssn', text: `SELECT id, ${LIST} FROM people WHERE ssn = $1` };
  for (let i = 0; i < 7; i++) say('prepared', (await client.query({ ...named, values: [i % 2 ? GRACE.ssn : ZOE.ssn] })).rows);
  say('array', (await client.query('SELECT id FROM people WHERE ssn = ANY ($1) OR token = $2 ORDER BY id', [[ZOE.ssn, 'none'], GRACE.token])).rows);
  say('changed', (await client.query('UPDATE people SET age = $1, tags = $2 WHERE ssn = $3', [86, ['new'], GRACE.ssn])).rowCount);
}

/** Statements that do not wait for each other, over one connection and over several. */
async function pipelined(client) {
  const results = await Promise.allSettled([
    client.query('UPDATE people SET name = $1 WHERE ssn = $2', ['Zoë', ZOE.ssn]),
    client.query('SELECT name FROM people WHERE ssn = $1', [ZOE.ssn]),
    client.query('INSERT INTO people (name, ssn) VALUES ($1, $2)', ['twice', ZOE.ssn]),
    client.query('SELECT count(dob)::int AS days FROM people'),
  ]);
  results.forEach((r) => say('pipelined', r.status, r.reason?.code, r.value?.rows));
  const several = await client.query("UPDATE people SET age = 7 WHERE ssn = '901-55-0002'; SELECT name, age FROM people ORDER BY id");
  several.forEach((r) => say('several', r.command, r.rowCount, r.rows));
  const pool = new Pool({ max: 3 });
  const at_once = await Promise.all([1, 2, 3, 4, 5, 6].map(() => pool.query('SELECT name FROM people WHERE ssn = $1', [GRACE.ssn])));
  at_once.forEach((r) => say('pooled', r.rows));
  await pool.end();
}

async function copied(client) {
  const into = client.query(copies.from('COPY people (id, name, ssn, dob) FROM STDIN (FORMAT csv)'));
  into.write('60,Carl Capybara,900-55-0060,1980-01-02\n61,"Cleo, ""Cap');
  into.end('ybara""",900-55-0061,\n');
  await once(into, 'finish');
  say('copied in', into.rowCount);
  const out = client.query(copies.to('COPY (SELECT * FROM people ORDER BY id) TO STDOUT'));
  let text = '';
  for await (const chunk of out) text += chunk;
  say('copied out', text.split('\n'));
}

async function cursor(client) {
  await client.query('BEGIN');
  const portions = client.query(new Cursor('SELECT id, name, tags FROM people WHERE id > $1 ORDER BY id', [0]));
  for (let rows; (rows = await portions.read(2)).length > 0;) say('cursor', rows);
  await portions.close();
  await client.query('COMMIT');
}

async function transaction(client) {
  await client.query('BEGIN');
  await client.query('UPDATE people SET name = $1 WHERE id = 60', ['Carl the Capybara']);
  await client.query('SAVEPOINT s');
  await failure(client.query('INSERT INTO people (name, ssn) VALUES ($1, $2)', ['twice', GRACE.ssn]));
  await failure(client.query('SELECT 1'));
  await client.query('ROLLBACK TO s');
  say('kept', (await client.query('SELECT name FROM people WHERE id = 60')).rows);
  await client.query('ROLLBACK');
  say('undone', (await client.query('SELECT name FROM people WHERE id = $1', [60])).rows);
  await failure(client.query('INSERT INTO people (name) VALUES ($1)', [null]));
  await failure(client.query('INSERT INTO people (name, ssn) VALUES ($1, $2)', ['long', '900-55-0001-0']));
  await failure(client.query('UPDATE people SET dob = $1', ['2023-02-30']));
  await failure(client.query('UPDATE people SET age = $1', ['3000000000']));
  await failure(client.query('SELECT nothing FROM people'));
  await failure(client.query('SELEC 1'));
  const upsert = 'INSERT INTO people (name, ssn) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name';
  say('upserted', (await client.query(upsert, ['Carl again', '900-55-0060'])).rows);
  say('deleted', (await client.query('DELETE FROM people WHERE ssn = ANY ($1) RETURNING name', [['900-55-0060', 'none']])).rows);
}

async function cancel(client) {
  const other = new Client();
  await other.connect();
  const sleep = failure(client.query('SELECT name, pg_sleep(20) FROM people LIMIT 1'));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { rows } = await other.query('SELECT pg_cancel_backend($1)', [client.processID]);
  await sleep;
  say('cancelled', rows);
  await other.end();
  await client.query("SET statement_timeout = '200ms'");
  await failure(client.query('SELECT pg_sleep(20)'));
  await client.query('RESET statement_timeout');
}

async function notification(client) {
  await client.query('LISTEN scenario');
  const heard = once(client, 'notification');
  await client.query("NOTIFY scenario, 'hello'");
  const [{ channel, payload }] = await heard;
  say('notified', channel, payload);
}

main();
