-- Jobs that people's own robots have started and not yet ended: when their host last gave a sign of life. Such a job
-- holds no runtime slot, so that it has no row in job_slots. host is the folded name of the host.
CREATE TABLE attended_jobs (
  job_id BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  machine_id BIGINT NOT NULL,
  host TEXT NOT NULL,
  seen_at BIGINT NOT NULL
);
CREATE INDEX attended_jobs_host ON attended_jobs (machine_id, host);
CREATE INDEX attended_jobs_seen ON attended_jobs (seen_at);

INSERT INTO attended_jobs (job_id, machine_id, host, seen_at)
  SELECT id, machine_id, fold(COALESCE(host_name, '')), state_at FROM jobs
  WHERE job_type = 1 AND ended_at IS NULL AND machine_id IS NOT NULL;
