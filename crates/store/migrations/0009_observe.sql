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
-- The lines of a folder and of a job by time. Lists name the place of NULLs, which there are none of: SQLite takes no
-- such words in an index and needs none, PostgreSQL walks only an index that says the same. The folder stands in the
-- second because SQLite, which gathers no statistics, takes the index of which it can use more columns.
-- sqlite: CREATE INDEX robot_logs_folder ON robot_logs (tenant_id, folder_id, at);
-- sqlite: CREATE INDEX robot_logs_job ON robot_logs (tenant_id, folder_id, job_key, at) WHERE job_key IS NOT NULL;
-- postgres: CREATE INDEX robot_logs_folder ON robot_logs (tenant_id, folder_id, at NULLS FIRST, id);
-- postgres: CREATE INDEX robot_logs_job ON robot_logs (tenant_id, folder_id, job_key, at NULLS FIRST, id) WHERE job_key IS NOT NULL;
-- Robots send a line again when they got no answer. The folder is part of it so that nobody can take the place of
-- lines that he cannot see.
CREATE UNIQUE INDEX robot_logs_once ON robot_logs (folder_id, COALESCE(job_key, ''), fingerprint)
  WHERE fingerprint IS NOT NULL;

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
