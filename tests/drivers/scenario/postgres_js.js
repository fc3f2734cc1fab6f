// postgres.js: the scenario of README.md. Connection by PG* variables.

const { text } = require('node:stream/consumers');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const postgres = require('postgres');
const { COLUMNS, GRACE, ZOE, NOBODY, say, failure } = require('./people.js');

async function main() {
  // It asks for array types by itself; prepare: false is what it does behind a pooler.
  for (const prepare of [true, false]) {
    const sql = postgres({ max: 1, prepare, types: { bigint: postgres.BigInt }, onnotice: () => {} });
    say('login', await sql`SELECT current_user, current_schema`, sql.parameters.server_version, sql.parameters.client_encoding);
    await sql`DELETE FROM people`;
    await write(sql);
    await read(sql);
    await again(sql);
    await pipelined(sql);
    await copied(sql);
    await cursor(sql);
    await transaction(sql);
    await cancel(sql);
    await notification(sql);
    await sql.end();
  }
}

async function write(sql) {
  for (const [id, person] of [GRACE, ZOE].entries()) {
    const row = { id: id + 1, ...person, big: BigInt(person.big), tags: sql.array(person.tags, 1009) };
    say('written', await sql`INSERT INTO people ${sql(row)} RETURNING id, name, tags`);
  }
  say('written', (await sql`INSERT INTO people ${sql([{ id: 3, ...NOBODY }, { id: 4, ...NOBODY, name: 'four', ssn: '900-55-0004' }], 'id', ...COLUMNS)}`).count);
}

async function read(sql) {
  const rows = await sql`SELECT * FROM people ORDER BY id`;
  rows.forEach((row) => say('row', row));
  rows.columns.forEach((c) => say('column', c.name, c.type));
  const { types, columns } = await sql`SELECT id, name, dob FROM people WHERE ssn = ${GRACE.ssn} AND token = ${GRACE.token}`.describe();
  say('described', types, columns.map((c) => [c.name, c.type]));
  say('simple', await sql`SELECT name, seen FROM people WHERE ssn = '900-55-0001'`.simple());
  say('raw', (await sql`SELECT name, dob, photo FROM people ORDER BY id`.raw()).map((row) => row.map((v) => v?.toString('hex'))));
  say('values', await sql`SELECT name, alive FROM people ORDER BY id`.values());
}

async function again(sql) {
  for (let i = 0; i < 7; i++) say('again', await sql`SELECT id, ${sql(COLUMNS)} FROM people WHERE ssn = ${i % 2 ? GRACE.ssn : ZOE.ssn}`);
  say('in', await sql`SELECT id FROM people WHERE ssn IN ${sql([GRACE.ssn, ZOE.ssn])} ORDER BY id`);
  say('any', await sql`SELECT id FROM people WHERE ssn = ANY (${[GRACE.ssn, ZOE.ssn]}) ORDER BY id`);
  say('changed', (await sql`UPDATE people SET ${sql({ age: 86, name: 'Grace A. Capybara' })} WHERE ssn = ${GRACE.ssn}`).count);
}

async function pipelined(sql) {
  const results = await Promise.allSettled([
    sql`UPDATE people SET name = ${'Zoë'} WHERE ssn = ${ZOE.ssn}`,
    sql`SELECT name FROM people WHERE ssn = ${ZOE.ssn}`,
    sql`INSERT INTO people (name, ssn) VALUES (${'twice'}, ${ZOE.ssn})`,
    sql`SELECT count(dob)::int AS days FROM people`,
  ]);
  results.forEach((r) => say('pipelined', r.status, r.reason?.code, r.value));
  say('in a transaction', await sql.begin((t) => [t`SELECT name FROM people WHERE ssn = ${ZOE.ssn}`, t`SELECT age FROM people WHERE ssn = ${GRACE.ssn}`]));
}

async function copied(sql) {
  const into = await sql`COPY people (id, name, ssn, dob) FROM STDIN`.writable();
  await pipeline(Readable.from(['60\tCarl Capybara\t900-55-0060\t1980-01-02\n61\tCleo Cap', 'ybara\t900-55-0061\t\\N\n']), into);
  const out = await sql`COPY (SELECT * FROM people ORDER BY id) TO STDOUT (FORMAT csv, HEADER)`.readable();
  say('copied out', (await text(out)).split('\n'));
}

async function cursor(sql) {
  await sql`SELECT id, name, tags FROM people ORDER BY id`.cursor(2, (rows) => say('cursor', rows));
  await sql`SELECT name FROM people ORDER BY id`.forEach((row) => say('each', row));
}

async function transaction(sql) {
  await failure(sql.begin(async (t) => {
    await t`UPDATE people SET name = 'Carl the Capybara' WHERE id = 60`;
    await failure(t.savepoint((s) => s`INSERT INTO people (name, ssn) VALUES ('twice', ${GRACE.ssn})`));
    say('kept', await t`SELECT name FROM people WHERE id = 60`);
    await t`SELECT nothing FROM people`;
  }));
  say('undone', await sql`SELECT name FROM people WHERE id = ${60}`);
  await failure(sql`INSERT INTO people (name) VALUES (${null})`);
  await failure(sql`INSERT INTO people (name, ssn) VALUES (${'long'}, ${'900-55-0001-0'})`);
  await failure(sql`UPDATE people SET age = ${3000000000}`);
  await failure(sql`SELEC 1`);
  say('deleted', await sql`DELETE FROM people WHERE ssn IN ${sql(['900-55-0060', 'none'])} RETURNING name`);
}

async function cancel(sql) {
  const sleep = sql`SELECT name, pg_sleep(20) FROM people LIMIT 1`;
  setTimeout(() => sleep.cancel(), 1000);
  await failure(sleep);
}

async function notification(sql) {
  const heard = new Promise((resolve) => sql.listen('scenario', resolve, () => sql.notify('scenario', 'hello')));
  say('notified', await heard);
}

main();
