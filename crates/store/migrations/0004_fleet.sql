-- Machines, robots, sessions.

-- type: 0 Standard, 1 Template. scope: 0 Default, 2 PersonalWorkspace. automation_type: 0 Any, 1 Foreground, 2 Background.
-- target_framework: 0 Any, 1 Windows, 2 Portable. license_key is the machine key and OAuth client id.
CREATE TABLE machines (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  description TEXT,
  type BIGINT NOT NULL DEFAULT 1,
  scope BIGINT NOT NULL DEFAULT 0,
  license_key TEXT NOT NULL UNIQUE,
  unattended_slots BIGINT NOT NULL DEFAULT 0,
  nonproduction_slots BIGINT NOT NULL DEFAULT 0,
  headless_slots BIGINT NOT NULL DEFAULT 0,
  testautomation_slots BIGINT NOT NULL DEFAULT 0,
  development_slots BIGINT NOT NULL DEFAULT 0,
  automation_type BIGINT NOT NULL DEFAULT 0,
  target_framework BIGINT NOT NULL DEFAULT 0,
  update_policy TEXT,
  tags TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX machines_name ON machines (tenant_id, fold(name));

-- Secrets of a machine as an OAuth client; several at once allow rotation.
CREATE TABLE machine_secrets (
  id {{id}},
  machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  secret_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);
CREATE INDEX machine_secrets_machine ON machine_secrets (machine_id);

-- Runtime types that an administrator has switched off on a machine.
CREATE TABLE machine_runtimes_off (
  machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  runtime_type BIGINT NOT NULL,
  PRIMARY KEY (machine_id, runtime_type)
);

CREATE TABLE folder_machines (
  folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
  machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  propagate BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (folder_id, machine_id)
);
CREATE INDEX folder_machines_machine ON folder_machines (machine_id);

-- The robot of an account. kind: 0 attended, 1 unattended. name is the account's name. credential_type: 0 Default,
-- 1 SmartCard, 2 NCipher, 3 SafeNet, 4 NoCredential. type is the runtime type (2 Unattended, 1 Attended, …).
CREATE TABLE robots (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind BIGINT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  type BIGINT NOT NULL DEFAULT 2,
  enabled BIGINT NOT NULL DEFAULT 1,
  os_user_name TEXT,
  password_sealed TEXT,
  credential_store_id BIGINT,
  credential_external_name TEXT,
  credential_type BIGINT NOT NULL DEFAULT 0,
  limit_concurrent BIGINT NOT NULL DEFAULT 0,
  execution_settings TEXT NOT NULL DEFAULT '{}',
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT NOT NULL,
  updater_user_id BIGINT
);
CREATE UNIQUE INDEX robots_user ON robots (user_id, kind);
CREATE INDEX robots_tenant ON robots (tenant_id);

-- A row says: on this machine only the robots listed in machine_robots may run. folder_id 0 holds in the whole
-- tenant, another one in that folder. Kept apart from the list, so that deleting the last robot opens nothing.
CREATE TABLE machine_limits (
  machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  folder_id BIGINT NOT NULL,
  PRIMARY KEY (machine_id, folder_id)
);

CREATE TABLE machine_robots (
  machine_id BIGINT NOT NULL,
  folder_id BIGINT NOT NULL,
  robot_id BIGINT NOT NULL REFERENCES robots (id) ON DELETE CASCADE,
  PRIMARY KEY (machine_id, folder_id, robot_id),
  FOREIGN KEY (machine_id, folder_id) REFERENCES machine_limits (machine_id, folder_id) ON DELETE CASCADE
);
CREATE INDEX machine_robots_robot ON machine_robots (robot_id);

-- A host connected with a machine's key, one row a runtime type; robot_id 0. Or a signed-in user's session: robot_id
-- is the attended robot. Host rows whose type has lost its slots stay with slots 0, since jobs may point at them.
-- silence_told: the event about its silence was made.
CREATE TABLE sessions (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
  robot_id BIGINT NOT NULL DEFAULT 0,
  host_name TEXT NOT NULL,
  service_user_name TEXT NOT NULL DEFAULT '',
  installation_id TEXT NOT NULL DEFAULT '',
  runtime_type BIGINT NOT NULL,
  slots BIGINT NOT NULL DEFAULT 1,
  reported_at BIGINT,
  version TEXT,
  platform BIGINT NOT NULL DEFAULT 0,
  maintenance BIGINT NOT NULL DEFAULT 0,
  debug_until BIGINT,
  connected BIGINT NOT NULL DEFAULT 0,
  silence_told BIGINT NOT NULL DEFAULT 0,
  knows_fencing BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sessions_host
  ON sessions (machine_id, fold(host_name), fold(service_user_name), installation_id, runtime_type, robot_id);
CREATE INDEX sessions_tenant ON sessions (tenant_id);
CREATE INDEX sessions_silent ON sessions (reported_at) WHERE connected = 1 AND silence_told = 0;
