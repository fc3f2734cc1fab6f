// Who the programs for Node.js write, and how they tell what they read.

exports.COLUMNS = ['name', 'ssn', 'dob', 'age', 'big', 'cost', 'alive', 'seen', 'token', 'photo', 'tags', 'note'];

exports.GRACE = {
  name: 'Grace Capybara', ssn: '900-55-0001', dob: '1906-12-09', age: 85, big: '9007199254740993', cost: '12.50', alive: true,
  seen: new Date('2024-02-29T12:34:56.789Z'), token: '6f1f2b6e-0000-4000-8000-0000000000aa',
  photo: Buffer.from([0, 1, 255, 92]), tags: ['a,b', '', null, 'Ω"'], note: 'clear',
};
exports.ZOE = {
  name: "Zoë O'Capybara \\ Ω", ssn: '901-55-0002', dob: '2001-01-01', age: -1, big: '0', cost: '0.00', alive: false,
  seen: new Date('1969-12-31T23:59:59Z'), token: '00000000-0000-0000-0000-000000000001',
  photo: Buffer.alloc(0), tags: [], note: null,
};
exports.NOBODY = { name: '', ssn: null, dob: null, age: null, big: null, cost: null, alive: null, seen: null, token: null, photo: null, tags: null, note: null };

exports.say = (what, ...values) => console.log(`${what}:`, JSON.stringify(values, shown));

function shown(key, value) {
  if (value?.type === 'Buffer') return Buffer.from(value.data).toString('hex');
  return typeof value === 'bigint' ? `${value}n` : value;
}

exports.failure = async (promise) => {
  try {
    await promise;
    exports.say('no failure');
  } catch (e) {
    exports.say('failed', e.code, e.constraint ?? e.constraint_name);
  }
};
