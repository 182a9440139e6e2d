-- Jobs: what was started, where it runs, what became of it.

-- state: 0 Pending, 1 Running, 2 Stopping, 3 Terminating, 4 Faulted, 5 Successful, 6 Stopped, 7 Suspended, 8 Resumed.
-- job_type: 0 Unattended, 1 Attended, 2 ServerlessGeneric. stop_strategy, timer_strategy: 1 SoftStop, 2 Kill.
-- waiting is 1 while the job waits for a robot and no slot is reserved for it. demand says in canonical form what it
-- wants (folder, release, runtime, targets): jobs with the same demand can be placed on the same slots.
-- A release may be deleted while its jobs stay, hence no foreign key.
CREATE TABLE jobs (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  release_id BIGINT,
  release_version_id BIGINT,
  release_name TEXT NOT NULL,
  process_type BIGINT NOT NULL DEFAULT 1,
  state BIGINT NOT NULL DEFAULT 0,
  state_at BIGINT NOT NULL,
  waiting BIGINT NOT NULL DEFAULT 0,
  demand TEXT NOT NULL,
  priority BIGINT NOT NULL DEFAULT 45,
  job_type BIGINT NOT NULL DEFAULT 0,
  source TEXT NOT NULL,
  source_type BIGINT NOT NULL DEFAULT 0,
  batch_key TEXT NOT NULL,
  reference TEXT NOT NULL DEFAULT '',
  runtime_type BIGINT NOT NULL,
  requires_user_interaction BIGINT NOT NULL DEFAULT 0,
  interaction_fixed BIGINT NOT NULL DEFAULT 0,
  entry_point_path TEXT,
  entry_point_fixed BIGINT NOT NULL DEFAULT 0,
  target_framework BIGINT,
  input_arguments TEXT,
  input_file TEXT,
  output_arguments TEXT,
  output_file TEXT,
  environment_variables TEXT,
  info TEXT,
  error_code TEXT,
  error_json TEXT,
  robot_id BIGINT,
  machine_id BIGINT,
  session_id BIGINT,
  host_name TEXT,
  local_account TEXT,
  account_name TEXT,
  reservation_id TEXT,
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  started_at BIGINT,
  resumed_at BIGINT,
  ended_at BIGINT,
  updated_at BIGINT NOT NULL,
  stop_strategy BIGINT,
  timer_strategy BIGINT,
  stop_after_seconds BIGINT,
  kill_after_seconds BIGINT,
  alert_pending_seconds BIGINT,
  alert_running_seconds BIGINT,
  alerted BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT,
  starting_schedule_id BIGINT,
  starting_trigger_id TEXT,
  parent_job_key TEXT,
  parent_operation_id TEXT,
  persistence_id TEXT,
  resume_version BIGINT,
  resume_on_same_context BIGINT NOT NULL DEFAULT 0,
  remote_control_access BIGINT NOT NULL DEFAULT 0,
  profiling_options TEXT,
  fps_properties TEXT,
  fps_context TEXT,
  trace_id TEXT,
  parent_span_id TEXT,
  root_span_id TEXT,
  autopilot TEXT,
  video_recording TEXT
);
CREATE INDEX jobs_waiting ON jobs (tenant_id, demand, priority DESC, created_at, id) WHERE waiting = 1;
CREATE INDEX jobs_folder ON jobs (folder_id, id);
CREATE INDEX jobs_folder_created ON jobs (folder_id, created_at);
CREATE INDEX jobs_folder_state ON jobs (folder_id, state, id);
CREATE INDEX jobs_batch ON jobs (batch_key);
CREATE INDEX jobs_robot ON jobs (robot_id, id) WHERE robot_id IS NOT NULL;
CREATE INDEX jobs_live_folder ON jobs (folder_id) WHERE ended_at IS NULL;
CREATE INDEX jobs_live_release ON jobs (release_id) WHERE ended_at IS NULL;
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;

-- A job's place on a robot, from the reservation to its end: one row a job, one job a runtime slot. The unique indexes
-- are what keeps two dispatchers from giving a slot, or an account, away twice. host is the folded name of the
-- host, whose desktop a foreground job takes. launch is the command's content as it was fixed at the reservation.
CREATE TABLE job_slots (
  job_id BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  tenant_id BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  slot BIGINT NOT NULL,
  robot_id BIGINT NOT NULL,
  machine_id BIGINT NOT NULL,
  host TEXT NOT NULL,
  host_name TEXT NOT NULL,
  sole BIGINT NOT NULL DEFAULT 0,
  foreground BIGINT NOT NULL DEFAULT 0,
  reservation_id TEXT NOT NULL,
  reserved_until BIGINT NOT NULL,
  accepted BIGINT NOT NULL DEFAULT 0,
  seen_at BIGINT NOT NULL,
  stop_id TEXT,
  stop_strategy BIGINT,
  launch TEXT NOT NULL
);
CREATE UNIQUE INDEX job_slots_slot ON job_slots (session_id, slot);
CREATE UNIQUE INDEX job_slots_sole ON job_slots (robot_id) WHERE sole = 1;
CREATE UNIQUE INDEX job_slots_desktop ON job_slots (robot_id, host) WHERE foreground = 1;
CREATE INDEX job_slots_tenant ON job_slots (tenant_id);
CREATE INDEX job_slots_host ON job_slots (machine_id, host);
CREATE INDEX job_slots_reserved ON job_slots (reserved_until) WHERE accepted = 0;
CREATE INDEX job_slots_seen ON job_slots (seen_at) WHERE accepted = 1;

-- Since when a robot (kind 0) or a session (kind 1) has had nothing to do: who has been idle longest comes first.
CREATE TABLE idle_since (
  kind BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  tenant_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (kind, item_id)
);
CREATE INDEX idle_since_tenant ON idle_since (tenant_id);

-- One dispatcher a tenant at a time: it locks this row until it commits.
CREATE TABLE dispatch_gates (
  tenant_id BIGINT NOT NULL PRIMARY KEY,
  turns BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE job_history (
  id {{id}},
  job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  state BIGINT NOT NULL,
  reason TEXT
);
CREATE INDEX job_history_job ON job_history (job_id, id);

CREATE TABLE job_attachments (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  attachment_id TEXT NOT NULL,
  category TEXT NOT NULL DEFAULT '',
  name TEXT,
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT NOT NULL,
  updater_user_id BIGINT
);
CREATE UNIQUE INDEX job_attachments_link ON job_attachments (job_id, attachment_id, category);
CREATE INDEX job_attachments_attachment ON job_attachments (attachment_id);
