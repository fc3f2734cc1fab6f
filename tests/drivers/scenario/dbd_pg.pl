# DBD::Pg: the scenario of README.md. Connection by PG* variables.

use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types :async);

binmode STDOUT, ':utf8';
my @columns = qw(name ssn dob age big cost alive seen token photo tags note);
my $columns = join ', ', @columns;
my @people = (
    ['Grace Capybara', '900-55-0001', '1906-12-09', 85, '9007199254740993', '12.50', 1, '2024-02-29 12:34:56.789+00',
        '6f1f2b6e-0000-4000-8000-0000000000aa', "\x00\x01\xff\\", ['a,b', '', undef, 'Ω"'], 'clear'],
    ["Zoë O'Capybara \\ Ω", '901-55-0002', '2001-01-01', -1, 0, '0.00', 0, '1969-12-31 23:59:59+00',
        '00000000-0000-0000-0000-000000000001', '', [], undef],
    ['', (undef) x 11],
);

sub shown {
    my ($value) = @_;
    return 'undef' unless defined $value;
    return '[' . join(', ', map { shown($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return '{' . join(', ', map { "$_: " . shown($value->{$_}) } sort keys %$value) . '}' if ref $value eq 'HASH';
    return $value =~ /[^[:print:]\n]/ ? 'hex ' . unpack('H*', $value) : "'$value'";
}

sub say_it {
    my $what = shift;
    print "$what: ", join(' | ', map { shown($_) } @_), "\n";
}

sub connected {
    return DBI->connect('dbi:Pg:', $ENV{PGUSER}, $ENV{PGPASSWORD}, {RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1, @_});
}

my $db = connected();
say_it('login', @$db{qw(pg_server_version pg_db pg_user)}, $db->selectrow_array('SELECT current_schema'));

sub failure {
    my ($sql, @values) = @_;
    my $done = eval { $db->do($sql, undef, @values) };
    say_it($done ? 'no failure' : 'failed', $db->state, $db->pg_error_field('constraint'), $db->ping);
}

# Values of the driver's types; ? and $1 and :name.
my $places = join ', ', ('?') x @columns;
my $insert = $db->prepare("INSERT INTO people ($columns) VALUES ($places) RETURNING id, name");
$insert->bind_param(10, undef, {pg_type => PG_BYTEA});
for my $person (@people) {
    $insert->execute(@$person);
    say_it('written', $insert->rows, $insert->fetchrow_arrayref);
}

# Prepared by the server or written into the text.
for my $prepared (0, 1) {
    my $other = connected(pg_server_prepare => $prepared, pg_expand_array => $prepared);
    my $read = $other->prepare("SELECT * FROM people WHERE id > ? ORDER BY id");
    for (1 .. 3) {
        $read->execute(0);
        say_it('row', $_) for @{$read->fetchall_arrayref};
    }
    say_it('columns', @$read{qw(NAME TYPE PRECISION SCALE NULLABLE pg_type pg_size)});
    $other->disconnect;
}

my $by_ssn = $db->prepare("SELECT id, $columns FROM people WHERE ssn = \$1");
for my $i (1 .. 7) {
    $by_ssn->execute($i % 2 ? '900-55-0001' : '901-55-0002');
    say_it('prepared', $by_ssn->fetchrow_hashref);
}
say_it('parameters', $by_ssn->{ParamTypes}, $by_ssn->{pg_numbound});
say_it('array', $db->selectall_arrayref('SELECT id FROM people WHERE ssn = ANY (?) ORDER BY id', undef, ['900-55-0001', '901-55-0002']));
say_it('many', $db->prepare('UPDATE people SET age = ? WHERE ssn = ?')->execute_array({}, [7, 8], ['900-55-0001', '901-55-0002']));

$db->do('COPY people (id, name, ssn, dob) FROM STDIN');
$db->pg_putcopydata("60\tCarl Capybara\t900-55-0060\t1980-01-02\n61\tCleo Capy");
$db->pg_putcopydata("bara\t900-55-0061\t\\N\n");
say_it('copied in', $db->pg_putcopyend);
$db->do('COPY (SELECT * FROM people ORDER BY id) TO STDOUT (FORMAT csv)');
my $line;
say_it('copied out', $line) while $db->pg_getcopydata($line) >= 0;

$db->begin_work;
$db->do('DECLARE portions CURSOR FOR SELECT id, name FROM people ORDER BY id');
say_it('cursor', $db->selectall_arrayref('FETCH 2 FROM portions')) for 1 .. 3;
$db->commit;

$db->begin_work;
$db->do('UPDATE people SET name = ? WHERE id = 60', undef, 'Carl the Capybara');
$db->pg_savepoint('s');
failure('INSERT INTO people (id, name, ssn) VALUES (99, ?, ?)', 'twice', '900-55-0001');
failure('SELECT 1');
$db->pg_rollback_to('s');
say_it('kept', $db->selectrow_array('SELECT name FROM people WHERE id = 60'));
$db->rollback;
say_it('undone', $db->selectrow_array('SELECT name FROM people WHERE id = 60'));
failure('INSERT INTO people (name) VALUES (?)', undef);
failure('INSERT INTO people (name, ssn) VALUES (?, ?)', 'long', '900-55-0001-0');
failure('UPDATE people SET dob = ?', '2023-02-30');
failure('UPDATE people SET age = ?', '3000000000');
failure('SELECT nothing FROM people');
failure('SELEC 1');
say_it('upserted', $db->selectrow_array('INSERT INTO people (name, ssn) VALUES (?, ?) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name', undef, 'Carl again', '900-55-0060'));
say_it('deleted', $db->do('DELETE FROM people WHERE ssn IN (?, ?)', undef, '900-55-0060', '900-55-0061'));

$db->do('SELECT name, pg_sleep(20) FROM people LIMIT 1', {pg_async => PG_ASYNC});
select undef, undef, undef, 1;
say_it('cancelled', $db->pg_cancel, $db->state);
$db->do("SET statement_timeout = '200ms'");
failure('SELECT pg_sleep(20)');
$db->do('RESET statement_timeout');

$db->do('LISTEN scenario');
$db->do("NOTIFY scenario, 'hello'");
my $heard = $db->pg_notifies;
say_it('notified', @$heard[0, 2]);

my %methods = (
    tables => $db->table_info(undef, 'public', '%', undef),
    columns => $db->column_info(undef, 'public', '%', '%'),
    'primary key' => $db->primary_key_info(undef, 'public', 'people'),
    'foreign keys' => $db->foreign_key_info(undef, 'public', 'people', undef, 'public', 'claims'),
);
for my $what (sort keys %methods) {
    my @rows;
    while (my $row = $methods{$what}->fetchrow_hashref) {
        push @rows, shown($row);
    }
    print "$what: $_\n" for sort @rows;
}
for my $row (@{$db->statistics_info(undef, 'public', 'people', 0, 1)->fetchall_arrayref({})}) {
    delete @$row{qw(CARDINALITY PAGES cardinality pages)}; # cells take more of them
    say_it('index', $row);
}
