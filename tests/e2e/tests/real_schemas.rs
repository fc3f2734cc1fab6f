//! Schemas that no one here wrote, loaded through the proxy with a policy on their person columns, filled and read:
//! every answer is the twin's, or a refusal that is written down here with its reason.

use hippocrypt_e2e::raw::{Message, Raw, comparable, sqlstate};
use hippocrypt_e2e::{Setup, sql};

/// In every value of a person, and nowhere else.
const SECRET: &str = "Realistic Rhea";

/// DDL that is refused and may be: an index for LIKE on a column that LIKE is not possible on.
const DDL_REFUSED: &[&str] = &["auth_user_username_6821ab7c_like"];

struct Real {
    ddl: &'static str,
    policy: &'static str,
    /// Answered as by the twin.
    same: &'static [&'static str],
    /// Refused; the comment beside each says why.
    refused: &'static [&'static str],
}

const OMOP: Real = Real {
    ddl: include_str!("../schemas/omop-cdm-5.4.sql"),
    policy: r#"
databases:
  DATABASE:
    tables:
      cdm_schema.person:
        subject: person_id
        columns:
          year_of_birth:       { type: int4,        protect: random }
          month_of_birth:      { type: int4,        protect: random }
          day_of_birth:        { type: int4,        protect: random }
          person_source_value: { type: varchar(50), protect: deterministic }
      cdm_schema.location:
        columns:
          address_1: { type: varchar(50), protect: random }
          address_2: { type: varchar(50), protect: random }
          zip:       { type: varchar(9),  protect: deterministic }
          latitude:  { type: numeric,     protect: random }
          longitude: { type: numeric,     protect: random }
      cdm_schema.death:
        subject: person_id
        columns:
          death_date:         { type: date,        protect: random }
          cause_source_value: { type: varchar(50), protect: random }
      cdm_schema.provider:
        columns:
          provider_name: { type: varchar(255), protect: random }
          npi:           { type: varchar(20),  protect: deterministic }
      cdm_schema.note:
        subject: person_id
        columns:
          note_title: { type: varchar(250), protect: random }
          note_text:  { type: text,         protect: random }
default: clear
"#,
    same: &[
        "INSERT INTO cdm_schema.location (address_1, city, zip, latitude) VALUES ('Realistic Rhea Street 1', 'Bern', '30-Rhea', 46.9480), ('Realistic Rhea Street 2', NULL, NULL, NULL)",
        "INSERT INTO cdm_schema.provider (provider_name, npi, gender_concept_id) VALUES ('Realistic Rhea MD', 'npi Realistic Rhea', 8532) RETURNING provider_id, provider_name",
        "INSERT INTO cdm_schema.person (gender_concept_id, year_of_birth, month_of_birth, race_concept_id, ethnicity_concept_id, location_id, provider_id, person_source_value) VALUES (8532, 1950, 12, 0, 0, 1, 1, 'mrn Realistic Rhea 1'), (8507, 1984, NULL, 0, 0, 2, NULL, 'mrn Realistic Rhea 2') RETURNING *",
        "INSERT INTO cdm_schema.person (gender_concept_id, race_concept_id, ethnicity_concept_id) VALUES (8532, 0, 0)",
        "INSERT INTO cdm_schema.visit_occurrence (person_id, visit_concept_id, visit_start_date, visit_end_date, visit_type_concept_id) VALUES (1, 9202, '2024-01-02', '2024-01-02', 44818518), (2, 9201, '2024-02-03', '2024-02-09', 44818518)",
        "INSERT INTO cdm_schema.condition_occurrence (person_id, condition_concept_id, condition_start_date, condition_type_concept_id, visit_occurrence_id) VALUES (1, 201826, '2024-01-02', 32020, 1), (2, 201826, '2024-02-03', 32020, 2)",
        "INSERT INTO cdm_schema.note (person_id, note_date, note_type_concept_id, note_class_concept_id, note_title, note_text, encoding_concept_id, language_concept_id) VALUES (1, '2024-01-02', 1, 1, 'Realistic Rhea', E'Realistic Rhea says:\n\t\"it''s fine\"', 0, 0)",
        "INSERT INTO cdm_schema.death (person_id, death_date, death_type_concept_id, cause_source_value) VALUES (2, '2024-02-09', 32519, 'I21.9 Realistic Rhea')",
        "INSERT INTO cdm_schema.death (person_id, death_date) VALUES (99, '2024-02-09')",
        "SELECT * FROM cdm_schema.person ORDER BY person_id",
        "SELECT p.person_id, p.year_of_birth, l.address_1, l.zip, l.latitude FROM cdm_schema.person p LEFT JOIN cdm_schema.location l ON l.location_id = p.location_id WHERE p.person_source_value = 'mrn Realistic Rhea 1'",
        "SELECT c.condition_concept_id, count(*) AS n, count(DISTINCT c.person_id) FROM cdm_schema.condition_occurrence c JOIN cdm_schema.person p USING (person_id) GROUP BY c.condition_concept_id",
        "SELECT p.person_id, d.death_date, d.death_date IS NOT NULL AS dead, n.note_text FROM cdm_schema.person p LEFT JOIN cdm_schema.death d ON d.person_id = p.person_id LEFT JOIN cdm_schema.note n ON n.person_id = p.person_id ORDER BY p.person_id",
        "WITH first_visit AS (SELECT person_id, min(visit_start_date) AS day FROM cdm_schema.visit_occurrence GROUP BY person_id) SELECT f.day, p.person_source_value FROM first_visit f JOIN cdm_schema.person p USING (person_id) ORDER BY f.day",
        "SELECT zip, count(*) FROM cdm_schema.location WHERE zip IS NOT NULL GROUP BY zip",
        "UPDATE cdm_schema.person SET month_of_birth = NULL, day_of_birth = NULL WHERE person_id = 1 RETURNING year_of_birth, month_of_birth",
        "UPDATE cdm_schema.location SET address_1 = 'Realistic Rhea Square' FROM cdm_schema.person p WHERE p.location_id = location.location_id AND p.person_source_value = 'mrn Realistic Rhea 2'",
        "DELETE FROM cdm_schema.person WHERE person_source_value = 'mrn Realistic Rhea 2' RETURNING person_id",
        "SELECT count(*) FROM cdm_schema.death",
        "SELECT address_1 FROM cdm_schema.location ORDER BY location_id",
    ],
    refused: &[
        // a range over a random column
        "SELECT count(*) FROM cdm_schema.person WHERE year_of_birth < 1960",
        // arithmetic: the age at a visit, which cohort definitions compute
        "SELECT EXTRACT(YEAR FROM v.visit_start_date) - p.year_of_birth FROM cdm_schema.person p JOIN cdm_schema.visit_occurrence v USING (person_id)",
        // grouping by a random column
        "SELECT year_of_birth, count(*) FROM cdm_schema.person GROUP BY year_of_birth",
        // grouping by a random column, though the key beside it decides
        "SELECT pr.provider_name, count(p.person_id) FROM cdm_schema.provider pr LEFT JOIN cdm_schema.person p ON p.provider_id = pr.provider_id WHERE pr.npi IN ('npi Realistic Rhea', 'x') GROUP BY pr.provider_id, pr.provider_name LIMIT 0",
        // search in notes
        "SELECT note_id FROM cdm_schema.note WHERE note_text ILIKE '%rhea%'",
    ],
};

const DJANGO: Real = Real {
    ddl: include_str!("../schemas/django-auth.sql"),
    policy: r#"
databases:
  DATABASE:
    tables:
      public.auth_user:
        subject: id
        columns:
          username:   { type: varchar(150), protect: deterministic }
          first_name: { type: varchar(150), protect: random }
          last_name:  { type: varchar(150), protect: random }
          email:      { type: varchar(254), protect: deterministic }
      public.django_admin_log:
        columns:
          object_repr:    { type: varchar(200), protect: random }
          change_message: { type: text,         protect: random }
default: clear
"#,
    same: &[
        "INSERT INTO \"auth_user\" (\"password\", \"last_login\", \"is_superuser\", \"username\", \"first_name\", \"last_name\", \"email\", \"is_staff\", \"is_active\", \"date_joined\") VALUES ('!x', NULL, true, 'Realistic Rhea', 'Realistic Rhea', 'Ö Realistic Rhea', 'rhea@Realistic Rhea.org', true, true, '2024-01-01T00:00:00+00:00'::timestamptz) RETURNING \"auth_user\".\"id\"",
        "INSERT INTO \"auth_user\" (\"password\", \"is_superuser\", \"username\", \"first_name\", \"last_name\", \"email\", \"is_staff\", \"is_active\", \"date_joined\") VALUES ('!y', false, 'Realistic Rhea', '', '', '', false, true, '2024-01-01')",
        "SELECT \"auth_user\".\"id\", \"auth_user\".\"password\", \"auth_user\".\"last_login\", \"auth_user\".\"is_superuser\", \"auth_user\".\"username\", \"auth_user\".\"first_name\", \"auth_user\".\"last_name\", \"auth_user\".\"email\" FROM \"auth_user\" WHERE \"auth_user\".\"username\" = 'Realistic Rhea' LIMIT 21",
        "SELECT (1) AS \"a\" FROM \"auth_user\" WHERE \"auth_user\".\"username\" = 'Realistic Rhea' LIMIT 1",
        "INSERT INTO \"auth_group\" (\"name\") VALUES ('staff') RETURNING \"auth_group\".\"id\"",
        "INSERT INTO \"auth_user_groups\" (\"user_id\", \"group_id\") VALUES (1, 1) ON CONFLICT DO NOTHING",
        "INSERT INTO \"auth_user_groups\" (\"user_id\", \"group_id\") VALUES (77, 1)",
        "SELECT \"auth_group\".\"name\", U0.\"email\" FROM \"auth_group\" INNER JOIN \"auth_user_groups\" ON (\"auth_group\".\"id\" = \"auth_user_groups\".\"group_id\") INNER JOIN \"auth_user\" U0 ON (U0.\"id\" = \"auth_user_groups\".\"user_id\") WHERE \"auth_user_groups\".\"user_id\" IN (1)",
        "INSERT INTO \"django_content_type\" (\"app_label\", \"model\") VALUES ('auth', 'user')",
        "INSERT INTO \"django_admin_log\" (\"action_time\", \"user_id\", \"content_type_id\", \"object_id\", \"object_repr\", \"action_flag\", \"change_message\") VALUES ('2024-01-01', 1, 1, '1', 'Realistic Rhea', 1, '[{\"added\": {\"Realistic Rhea\": 1}}]') RETURNING \"django_admin_log\".\"id\"",
        "SELECT \"django_admin_log\".\"object_repr\", \"django_admin_log\".\"change_message\", \"auth_user\".\"username\" FROM \"django_admin_log\" INNER JOIN \"auth_user\" ON (\"django_admin_log\".\"user_id\" = \"auth_user\".\"id\") ORDER BY \"django_admin_log\".\"action_time\" DESC LIMIT 10",
        "SELECT COUNT(*) AS \"__count\" FROM \"auth_user\" WHERE (NOT (\"auth_user\".\"email\" = '') AND \"auth_user\".\"is_active\")",
        "UPDATE \"auth_user\" SET \"first_name\" = 'Realistic Rhea II', \"email\" = 'Realistic Rhea' WHERE \"auth_user\".\"id\" = 1",
        "SELECT DISTINCT \"auth_user\".\"email\" FROM \"auth_user\" WHERE \"auth_user\".\"email\" IN ('Realistic Rhea', 'x')",
        "SELECT \"auth_user\".\"first_name\" FROM \"auth_user\" FOR UPDATE",
    ],
    refused: &[
        // the admin's list orders by user name
        "SELECT \"auth_user\".\"id\" FROM \"auth_user\" ORDER BY \"auth_user\".\"username\" ASC",
        // the admin's search
        "SELECT \"auth_user\".\"id\" FROM \"auth_user\" WHERE UPPER(\"auth_user\".\"last_name\"::text) LIKE UPPER('%rhea%')",
        // password reset looks for the address without case
        "SELECT \"auth_user\".\"id\" FROM \"auth_user\" WHERE UPPER(\"auth_user\".\"email\"::text) = UPPER('rhea')",
    ],
};

const FLASK: Real = Real {
    ddl: include_str!("../schemas/flask-appbuilder.sql"),
    policy: r#"
databases:
  DATABASE:
    tables:
      public.ab_user:
        subject: id
        columns:
          first_name: { type: varchar(64),  protect: random }
          last_name:  { type: varchar(64),  protect: random }
          username:   { type: varchar(64),  protect: deterministic }
          email:      { type: varchar(320), protect: deterministic }
      public.ab_register_user:
        columns:
          first_name: { type: varchar(64), protect: random }
          last_name:  { type: varchar(64), protect: random }
          username:   { type: varchar(64), protect: deterministic, group: public.ab_user.username }
          email:      { type: varchar(64), protect: deterministic, group: public.ab_user.email }
default: clear
"#,
    same: &[
        "INSERT INTO ab_register_user (id, first_name, last_name, username, email) VALUES (1, 'Realistic Rhea', 'Realistic Rhea', 'rhea Realistic Rhea', 'a@Realistic Rhea')",
        "INSERT INTO ab_user (id, first_name, last_name, username, active, email, login_count) VALUES (1, 'Realistic Rhea', 'Realistic Rhea', 'admin Realistic Rhea', true, 'b@Realistic Rhea', 0)",
        "INSERT INTO ab_user (id, username, email, first_name, last_name) SELECT 3, r.username, r.email, 'Realistic Rhea', 'Realistic Rhea' FROM ab_register_user r WHERE r.id = 1 RETURNING username, email",
        "INSERT INTO ab_user (id, first_name, last_name, username, email) VALUES (4, 'x', 'x', 'admin Realistic Rhea', 'c')",
        "INSERT INTO ab_role VALUES (1, 'Admin'); INSERT INTO ab_user_role VALUES (1, 1, 1)",
        "SELECT ab_user.id AS ab_user_id, ab_user.first_name AS ab_user_first_name, ab_user.email AS ab_user_email FROM ab_user WHERE ab_user.username = 'admin Realistic Rhea' LIMIT 1",
        "SELECT count(*) FROM ab_user u JOIN ab_register_user r ON r.email = u.email AND r.username = u.username",
        "SELECT anon_1.ab_user_email, ab_role_1.name FROM (SELECT ab_user.id AS ab_user_id, ab_user.email AS ab_user_email FROM ab_user WHERE ab_user.active IS true) AS anon_1 JOIN ab_user_role AS ab_user_role_1 ON anon_1.ab_user_id = ab_user_role_1.user_id JOIN ab_role AS ab_role_1 ON ab_role_1.id = ab_user_role_1.role_id",
        "UPDATE ab_user SET login_count = login_count + 1, email = 'd@Realistic Rhea' WHERE ab_user.id = 1 RETURNING email",
        "DELETE FROM ab_register_user WHERE email = 'a@Realistic Rhea'",
        "SELECT * FROM ab_user ORDER BY id",
    ],
    refused: &[
        // sign-in without case
        "SELECT id FROM ab_user WHERE lower(ab_user.username) = lower('Admin')",
        // a random column of another table has another key
        "INSERT INTO ab_user (id, first_name, last_name, username, email) SELECT 5, r.first_name, r.last_name, r.username, r.email FROM ab_register_user r",
    ],
};

fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

fn check(real: &Real) {
    let place = Setup::policy(real.policy).start();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let code: Vec<&str> = real.ddl.lines().filter(|l| !l.starts_with("--")).collect();
    let mut wrong = Vec::new();
    for statement in code
        .join("\n")
        .split(";\n")
        .filter(|s| !s.trim().is_empty())
    {
        assert_eq!(sqlstate(&twin.query(statement)), None, "{statement}");
        let said = through.query(statement);
        let known = DDL_REFUSED.iter().any(|name| statement.contains(name));
        if sqlstate(&said).is_some() && !known {
            wrong.push(format!("{statement}\n    {said:?}"));
        }
    }
    for statement in real.same {
        let ask = |raw: &mut Raw| answer(&raw.query(statement));
        let (a, b) = (ask(&mut through), ask(&mut twin));
        if a != b {
            wrong.push(format!("{statement}\n    proxy {a:?}\n    twin  {b:?}"));
        }
    }
    for statement in real.refused {
        let code = sqlstate(&through.query(statement));
        if code.as_deref() != Some("0A000") {
            wrong.push(format!("{statement}: not refused but {code:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    place.assert_hidden(SECRET);
    let cells = "SELECT count(*) FROM information_schema.columns WHERE domain_name = 'cell'";
    assert_ne!(
        sql::rows(&place.thief(), cells).unwrap(),
        [[Some("0".to_owned())]]
    );
}

#[test]
fn omop_common_data_model() {
    check(&OMOP);
}

#[test]
fn django_auth_and_admin() {
    check(&DJANGO);
}

#[test]
fn flask_appbuilder_security() {
    check(&FLASK);
}
