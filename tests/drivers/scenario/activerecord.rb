# ruby-pg and ActiveRecord: the scenario of README.md. Connection by PG* variables.

require "active_record"
require "json"
require "stringio"

Encoding.default_external = Encoding::UTF_8
ActiveRecord::Base.default_timezone = :utc

COLUMNS = %w[name ssn dob age big cost alive seen token photo tags note]
GRACE = {
  name: "Grace Capybara", ssn: "900-55-0001", dob: Date.new(1906, 12, 9), age: 85, big: 2**53 + 1, cost: BigDecimal("12.50"),
  alive: true, seen: Time.utc(2024, 2, 29, 12, 34, 56, 789_000), token: "6f1f2b6e-0000-4000-8000-0000000000aa",
  photo: "\x00\x01\xff\\".b, tags: ["a,b", "", nil, 'Ω"'], note: "clear"
}
ZOE = {
  name: "Zoë O'Capybara \\ Ω", ssn: "901-55-0002", dob: Date.new(2001, 1, 1), age: -1, big: 0, cost: BigDecimal("0"),
  alive: false, seen: Time.utc(1969, 12, 31, 23, 59, 59), token: "00000000-0000-0000-0000-000000000001",
  photo: "".b, tags: [], note: nil
}
NOBODY = {name: ""}

def say(what, *values)
  puts "#{what}: #{values.map { |v| shown(v) }.join(" | ")}"
end

def shown(value)
  case value
  when ActiveRecord::Base then shown(value.attributes)
  when Hash then "{#{value.map { |k, v| "#{k}: #{shown(v)}" }.join(", ")}}"
  when Array, ActiveRecord::Relation then "[#{value.map { |v| shown(v) }.join(", ")}]"
  when Time then value.utc.iso8601(6)
  when BigDecimal then value.to_s("F")
  when String then value.encoding == Encoding::BINARY ? value.unpack1("H*") : value.inspect
  else value.inspect
  end
end

def failure
  yield
  say "no failure"
rescue ActiveRecord::StatementInvalid => e
  say "failed", e.class, e.cause.is_a?(PG::Error) && e.cause.result&.error_field(PG::PG_DIAG_SQLSTATE)
rescue PG::Error => e
  say "failed", e.class, e.result&.error_field(PG::PG_DIAG_SQLSTATE)
end

class Person < ActiveRecord::Base
  self.table_name = "people"
  has_many :claims
end

class Claim < ActiveRecord::Base
  belongs_to :person, optional: true
end

class Pet < ActiveRecord::Base
end

class MakePets < ActiveRecord::Migration[6.1]
  def change
    create_table :pets do |t|
      t.string :owner, limit: 60
      t.string :chip, null: false, index: {unique: true}
      t.integer :legs, default: 4
      t.references :person, foreign_key: true
      t.timestamps
    end
  end
end

class ChangePets < ActiveRecord::Migration[6.1]
  def change
    add_column :pets, :notes, :text
    add_index :pets, :notes, unique: true
    rename_column :pets, :legs, :feet
    change_column_null :pets, :owner, false, "nobody"
    reversible { |d| d.up { change_column :pets, :feet, :bigint, default: 2 } }
  end
end

def connect(prepared)
  ActiveRecord::Base.establish_connection(
    adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], username: ENV["PGUSER"], password: ENV["PGPASSWORD"],
    database: ENV["PGDATABASE"], prepared_statements: prepared, min_messages: "warning"
  )
  [Person, Claim, Pet].each(&:reset_column_information)
end

def dump
  dump = StringIO.new
  ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, dump)
  dump.string
end

def schema
  puts dump
  [Person, Claim].each do |model|
    model.columns.each { |c| say "column", model.table_name, c.name, c.sql_type, c.type, c.limit, c.precision, c.scale, c.null, c.default, c.default_function }
  end
  connection = ActiveRecord::Base.connection
  say "views", connection.views, connection.primary_key("people"), connection.foreign_keys("claims").map { |k| [k.to_table, k.column, k.on_delete] }
end

def migrations
  context = ActiveRecord::Base.connection.migration_context
  proxies = [MakePets, ChangePets].each_with_index.map { |m, i| m.new(m.name, i + 1) }
  migrator = ->(way) { ActiveRecord::Migrator.new(way, proxies, context.schema_migration) }
  ActiveRecord::Migration.verbose = false
  migrator.call(:up).migrate
  Pet.reset_column_information
  say "version", context.current_version
  pet = Pet.create!(owner: "Grace Capybara", chip: "chip of Capybara", notes: "once")
  say "pet", Pet.find_by!(chip: "chip of Capybara").attributes.except("created_at", "updated_at"), pet.reload.owner
  failure { Pet.create!(owner: "Zoë", chip: "chip of Capybara") }
  schema
  ActiveRecord::Migrator.new(:down, proxies, context.schema_migration, 1).migrate
  say "version", context.current_version, Pet.connection.table_exists?("pets")
end

# db/schema.rb, as it was dumped, makes the tables anew. ActiveRecord 6.1 loses a time's zone in it, on any server.
def loaded
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Base.connection.execute("DROP VIEW names")
  before = dump
  eval(before.sub('t.datetime "seen"', 't.column "seen", :timestamptz'))
  say "loaded", dump == before
end

def written
  [GRACE, ZOE, NOBODY].each { |person| say "created", Person.create!(person) }
  Person.order(:id).each { |person| say "row", person }
  grace = Person.find_by!(ssn: GRACE[:ssn])
  7.times { |i| say "prepared", Person.find_by(ssn: i.even? ? GRACE[:ssn] : ZOE[:ssn]) }
  say "by token", Person.where(token: [GRACE[:token], ZOE[:token]]).order(:id).pluck(:id, :name)
  say "not", Person.where.not(ssn: ZOE[:ssn]).pluck(:name)
  say "none", Person.where(dob: nil).count, Person.count(:dob), Person.distinct.count(:ssn), Person.exists?(ssn: "none")
  grace.update!(age: 86, tags: grace.tags + ["new"], photo: "new".b)
  say "updated", grace.reload, grace.changed?
  grace.age += 1
  say "saved", grace.save, grace.saved_changes.keys
  say "all", Person.where(ssn: ZOE[:ssn]).update_all(age: 7, name: "Zoë"), Person.where(ssn: ZOE[:ssn]).pick(:age, :name)
  Person.insert_all([{name: "Carl Capybara", ssn: "900-55-0060"}, {name: "Cleo Capybara", ssn: "900-55-0061"}])
  say "upserted", Person.upsert_all([{name: "Carl again", ssn: "900-55-0060"}], unique_by: :ssn, returning: %w[name]).rows
  Person.find_each(batch_size: 2) { |person| say "each", person.name, person.ssn }
  say "deleted", Person.where(ssn: "900-55-0061").delete_all, Person.find_by(ssn: "900-55-0060").destroy.name
end

def transaction
  Person.transaction do
    Person.where(ssn: GRACE[:ssn]).update_all(name: "in a transaction")
    failure { Person.transaction(requires_new: true) { Person.create!(name: "twice", ssn: GRACE[:ssn]) } }
    say "kept", Person.find_by(ssn: GRACE[:ssn]).name
    raise ActiveRecord::Rollback
  end
  say "undone", Person.find_by(ssn: GRACE[:ssn]).name
  failure { Person.transaction { Person.connection.execute("SELEC 1") } }
  failure { Person.create!(name: nil) }
  failure { Person.create!(name: "long", ssn: "900-55-0001-0") }
  failure { Person.where(id: 1).update_all("age = 3000000000") }
  failure { Person.where("nothing = 1").to_a }
  failure { Person.transaction { Person.connection.execute("SET LOCAL statement_timeout = '200ms'"); Person.select("name, pg_sleep(20)").to_a } }
  say "locked", Person.lock.find_by(ssn: GRACE[:ssn]).name
end

def joined
  grace = Person.find_by!(ssn: GRACE[:ssn])
  grace.claims.create!(ssn: GRACE[:ssn], amount: "12.345")
  say "claims", Person.includes(:claims).where(ssn: GRACE[:ssn]).map { |p| [p.name, p.claims.to_a] }
  say "joined", Claim.joins(:person).pluck("people.name", "claims.ssn", :amount)
  say "by value", Claim.joins("JOIN people p ON p.ssn = claims.ssn").group("p.ssn").count
  say "grouped", Claim.group(:ssn).sum(:amount)
end

# What ActiveRecord has no word for: ruby-pg itself.
def through_pg
  pg = PG.connect
  [0, 1].each do |format|
    result = pg.exec_params("SELECT id, #{COLUMNS.join(", ")} FROM people WHERE ssn = $1", [GRACE[:ssn]], format)
    say "format #{format}", result.values, result.fields, (0...result.nfields).map { |i| [result.ftype(i), result.fmod(i), result.fsize(i)] }
  end
  pg.prepare("by_ssn", "SELECT name FROM people WHERE ssn = ANY ($1)")
  say "parameters", (0...1).map { |i| pg.describe_prepared("by_ssn").paramtype(i) }
  say "prepared", pg.exec_prepared("by_ssn", ["{#{GRACE[:ssn]}}"]).values
  pg.copy_data("COPY people (id, name, ssn) FROM STDIN (FORMAT csv)") { pg.put_copy_data("60,\"Carl, Capybara\",900-55-0060\n") }
  pg.copy_data("COPY (SELECT * FROM people ORDER BY id) TO STDOUT") { while (line = pg.get_copy_data) do say "copied out", line.force_encoding("UTF-8") end }
  pg.enter_pipeline_mode
  pg.send_query_params("UPDATE people SET name = $1 WHERE ssn = $2", ["Carl Capybara", "900-55-0060"])
  pg.send_query_params("SELECT name FROM people WHERE ssn = $1", ["900-55-0060"])
  pg.send_query_params("INSERT INTO people (name, ssn) VALUES ('twice', $1)", ["900-55-0060"])
  pg.send_query_params("SELECT 1", [])
  pg.pipeline_sync
  loop do
    result = pg.get_result or next # nil stands between the results
    break say("synced") if result.result_status == PG::PGRES_PIPELINE_SYNC
    say "pipelined", result.res_status(result.result_status), result.error_field(PG::PG_DIAG_SQLSTATE), result.values
  end
  pg.exit_pipeline_mode
  pg.send_query("SELECT name FROM people ORDER BY id")
  pg.set_single_row_mode
  pg.get_result.stream_each { |row| say "streamed", row["name"] }
  pg.get_result
  pg.transaction do
    pg.exec("DECLARE portions CURSOR FOR SELECT id, name FROM people ORDER BY id")
    say "cursor", pg.exec("FETCH 2 FROM portions").values, pg.exec("FETCH ALL FROM portions").values
  end
  pg.exec("DELETE FROM people WHERE id = 60")
ensure
  pg.close
end

def asynchronous
  pg = PG.connect
  pg.send_query("SELECT pg_sleep(20)")
  sleep 1
  pg.cancel
  failure { pg.get_last_result }
  pg.exec("LISTEN scenario")
  PG.connect.exec("NOTIFY scenario, 'hello'")
  pg.wait_for_notify(5) { |channel, _, payload| say "notified", channel, payload }
end

connect(true)
say "login", ActiveRecord::Base.connection.database_version, ActiveRecord::Base.connection.current_schema, ActiveRecord::Base.connection.encoding
schema
migrations
loaded
[true, false].each do |prepared|
  connect(prepared)
  say "prepared statements", prepared
  Person.delete_all
  written
  transaction
  joined
  Claim.delete_all
  through_pg
end
asynchronous
