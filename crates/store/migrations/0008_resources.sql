-- Assets and their values, credential stores, stored files, attachments.

-- Only the tenant's own store (type Database) exists so far; secrets in it stand sealed beside what they belong to.
CREATE TABLE credential_stores (
  id {{id}},
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX credential_stores_name ON credential_stores (tenant_id, fold(name));
CREATE UNIQUE INDEX credential_stores_database ON credential_stores (tenant_id) WHERE type = 'Database';

-- value_type: 0 DBConnectionString, 1 HttpConnectionString, 2 Text, 3 Bool, 4 Integer, 5 Credential,
-- 6 WindowsCredential, 7 KeyValueList, 8 Secret. value_scope: 0 Global, 1 PerRobot (values of accounts).
CREATE TABLE assets (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  description TEXT,
  value_type BIGINT NOT NULL,
  value_scope BIGINT NOT NULL,
  can_be_deleted BIGINT NOT NULL DEFAULT 1,
  allow_direct BIGINT NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT,
  updater_user_id BIGINT
);
CREATE INDEX assets_tenant ON assets (tenant_id);

-- name is the folded name of the asset, so that names are unique in every folder.
CREATE TABLE asset_folders (
  asset_id BIGINT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  name TEXT NOT NULL,
  PRIMARY KEY (asset_id, folder_id)
);
CREATE UNIQUE INDEX asset_folders_name ON asset_folders (folder_id, name);

-- Without an account: the value for everybody. With an account: its own, or with a machine as well: its own on that
-- machine. Passwords and secrets are sealed for the place asset_values.secret/<key>.
CREATE TABLE asset_values (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  asset_id BIGINT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
  user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
  machine_id BIGINT REFERENCES machines (id) ON DELETE CASCADE,
  text_value TEXT NOT NULL DEFAULT '',
  bool_value BIGINT NOT NULL DEFAULT 0,
  int_value BIGINT NOT NULL DEFAULT 0,
  pairs TEXT NOT NULL DEFAULT '[]',
  credential_user TEXT NOT NULL DEFAULT '',
  secret_sealed TEXT,
  store_id BIGINT REFERENCES credential_stores (id),
  external_name TEXT
);
CREATE UNIQUE INDEX asset_values_pair ON asset_values (asset_id, COALESCE(user_id, 0), COALESCE(machine_id, 0));
CREATE INDEX asset_values_user ON asset_values (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX asset_values_machine ON asset_values (machine_id) WHERE machine_id IS NOT NULL;
CREATE INDEX asset_values_store ON asset_values (store_id) WHERE store_id IS NOT NULL;

-- Files below the files folder: <area>/<first two digits>/<id>. state: 0 being written, 1 kept, 2 to be removed.
-- A row is there before its file and goes after it, so no file is ever forgotten.
CREATE TABLE stored_files (
  id TEXT NOT NULL PRIMARY KEY,
  area TEXT NOT NULL,
  state BIGINT NOT NULL,
  size BIGINT,
  sha256 TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX stored_files_pending ON stored_files (created_at) WHERE state <> 1;

CREATE TABLE attachments (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  name TEXT NOT NULL,
  file_id TEXT REFERENCES stored_files (id),
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT,
  updater_user_id BIGINT
);
CREATE INDEX attachments_folder ON attachments (folder_id, id);
CREATE INDEX attachments_file ON attachments (file_id) WHERE file_id IS NOT NULL;
