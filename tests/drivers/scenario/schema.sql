-- The tables of the scenario, as an app's migration makes them.
CREATE TABLE people (
  id serial PRIMARY KEY, name text NOT NULL, ssn varchar(11) UNIQUE, dob date, age int4, big int8,
  cost numeric(10,2), alive bool, seen timestamptz, token uuid, photo bytea, tags text[], visits int NOT NULL DEFAULT 0,
  note varchar(40) DEFAULT 'none' CHECK (note <> 'bad'));
CREATE INDEX people_by_token ON people (token, visits DESC);
CREATE TABLE claims (
  id serial PRIMARY KEY, ssn varchar(11) REFERENCES people (ssn) ON DELETE CASCADE,
  person_id int REFERENCES people (id), amount numeric(8,2) NOT NULL DEFAULT 1.50);
CREATE INDEX claims_by_ssn ON claims (ssn);
CREATE VIEW names AS SELECT id, name, ssn AS number, dob FROM people;
COMMENT ON TABLE people IS 'who comes';
COMMENT ON COLUMN people.ssn IS 'social security number';
