-- Storage buckets and their files; queues that archive old items to a bucket.

-- key: the identifier that the client chose. storage_key: the server's own name of the bucket in signed addresses.
-- options: 1 read-only, 2 reading is audited, 4 contents pass through the server; sums of these. Files are kept by this
-- server; other providers are not built, so nothing is kept about them.
CREATE TABLE buckets (
  id {{id}},
  key TEXT NOT NULL,
  storage_key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  description TEXT,
  options BIGINT NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL,
  updated_at BIGINT
);
CREATE UNIQUE INDEX buckets_key ON buckets (tenant_id, key);

-- name is the folded name of the bucket, so that names are unique in every folder.
CREATE TABLE bucket_folders (
  bucket_id BIGINT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE,
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  name TEXT NOT NULL,
  PRIMARY KEY (bucket_id, folder_id)
);
CREATE UNIQUE INDEX bucket_folders_name ON bucket_folders (folder_id, name);

-- path begins with a slash and is compared byte by byte; directory is the part up to the last slash, slash included;
-- name is what follows it.
CREATE TABLE bucket_files (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  bucket_id BIGINT NOT NULL REFERENCES buckets (id),
  path TEXT NOT NULL,
  directory TEXT NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT,
  size BIGINT NOT NULL,
  file_id TEXT NOT NULL REFERENCES stored_files (id),
  written_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX bucket_files_path ON bucket_files (bucket_id, path);
CREATE INDEX bucket_files_directory ON bucket_files (bucket_id, directory, path);
CREATE INDEX bucket_files_file ON bucket_files (file_id);

-- retention_action 1 is Archive; then retention_bucket_id says where. The bucket belongs to another feature and is
-- looked for each time, hence no reference.
ALTER TABLE queue_definitions ADD COLUMN retention_bucket_id BIGINT;
