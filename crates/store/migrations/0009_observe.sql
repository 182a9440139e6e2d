-- Robot logs and settings.

-- level: 0 Trace, 1 Debug, 2 Info, 3 Warn, 4 Error, 5 Fatal. raw is the line as the robot sent it.
CREATE TABLE robot_logs (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  folder_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  level BIGINT NOT NULL,
  message TEXT NOT NULL,
  job_key TEXT,
  process_name TEXT,
  robot_name TEXT,
  host_name TEXT,
  machine_id BIGINT,
  windows_identity TEXT,
  raw TEXT NOT NULL,
  fingerprint TEXT
);
CREATE INDEX robot_logs_folder ON robot_logs (tenant_id, folder_id, at);
CREATE INDEX robot_logs_job ON robot_logs (job_key, at) WHERE job_key IS NOT NULL;
-- Robots send a line again when they got no answer.
CREATE UNIQUE INDEX robot_logs_once ON robot_logs (job_key, fingerprint) WHERE fingerprint IS NOT NULL;

-- Values that differ from the built-in defaults. user_id 0: the tenant's; tenant_id 0: the installation's.
CREATE TABLE settings (
  tenant_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL DEFAULT 0,
  name TEXT NOT NULL,
  value TEXT,
  value_sealed TEXT,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX settings_name ON settings (tenant_id, user_id, fold(name));
