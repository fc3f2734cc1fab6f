-- Flask-AppBuilder's security models, as SQLAlchemy writes them for PostgreSQL.
-- Source: Flask-AppBuilder 4.5.2 (PyPI), flask_appbuilder.security.sqla.models. Licence: BSD-3-Clause.
CREATE TABLE ab_permission (
  id INTEGER NOT NULL,
  name VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (name)
);
CREATE TABLE ab_register_user (
  id INTEGER NOT NULL,
  first_name VARCHAR(64) NOT NULL,
  last_name VARCHAR(64) NOT NULL,
  username VARCHAR(64) NOT NULL,
  password VARCHAR(256),
  email VARCHAR(64) NOT NULL,
  registration_date TIMESTAMP WITHOUT TIME ZONE,
  registration_hash VARCHAR(256),
  PRIMARY KEY (id),
  UNIQUE (username)
);
CREATE TABLE ab_role (
  id INTEGER NOT NULL,
  name VARCHAR(64) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (name)
);
CREATE TABLE ab_user (
  id INTEGER NOT NULL,
  first_name VARCHAR(64) NOT NULL,
  last_name VARCHAR(64) NOT NULL,
  username VARCHAR(64) NOT NULL,
  password VARCHAR(256),
  active BOOLEAN,
  email VARCHAR(320) NOT NULL,
  last_login TIMESTAMP WITHOUT TIME ZONE,
  login_count INTEGER,
  fail_login_count INTEGER,
  created_on TIMESTAMP WITHOUT TIME ZONE,
  changed_on TIMESTAMP WITHOUT TIME ZONE,
  created_by_fk INTEGER,
  changed_by_fk INTEGER,
  PRIMARY KEY (id),
  UNIQUE (username),
  UNIQUE (email),
  FOREIGN KEY(created_by_fk) REFERENCES ab_user (id),
  FOREIGN KEY(changed_by_fk) REFERENCES ab_user (id)
);
CREATE TABLE ab_view_menu (
  id INTEGER NOT NULL,
  name VARCHAR(250) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (name)
);
CREATE TABLE ab_permission_view (
  id INTEGER NOT NULL,
  permission_id INTEGER,
  view_menu_id INTEGER,
  PRIMARY KEY (id),
  UNIQUE (permission_id, view_menu_id),
  FOREIGN KEY(permission_id) REFERENCES ab_permission (id),
  FOREIGN KEY(view_menu_id) REFERENCES ab_view_menu (id)
);
CREATE TABLE ab_user_role (
  id INTEGER NOT NULL,
  user_id INTEGER,
  role_id INTEGER,
  PRIMARY KEY (id),
  UNIQUE (user_id, role_id),
  FOREIGN KEY(user_id) REFERENCES ab_user (id),
  FOREIGN KEY(role_id) REFERENCES ab_role (id)
);
CREATE TABLE ab_permission_view_role (
  id INTEGER NOT NULL,
  permission_view_id INTEGER,
  role_id INTEGER,
  PRIMARY KEY (id),
  UNIQUE (permission_view_id, role_id),
  FOREIGN KEY(permission_view_id) REFERENCES ab_permission_view (id),
  FOREIGN KEY(role_id) REFERENCES ab_role (id)
);
