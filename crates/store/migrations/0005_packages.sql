-- Packages, libraries and processes (releases).

-- A package: one id in one feed. feed_id is the feed's GUID: the key of the folder that owns it, or one made from the
-- tenant's key. Whoever adds or removes a version locks this row first, so that exactly one version is the latest.
CREATE TABLE packages (
  id {{id}},
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  feed_id TEXT NOT NULL,
  package_id TEXT NOT NULL,
  touched_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX packages_name ON packages (feed_id, fold(package_id));
CREATE INDEX packages_tenant ON packages (tenant_id);

-- A version of a package. version_key sorts by version, byte by byte; equal versions have equal keys.
-- project_type, package_type, process_type: positions in the published lists. target_framework: 0 Legacy, 1 Windows,
-- 2 Portable. arguments, bindings, dependencies, resource_tags hold JSON.
-- file is the place of the package below the folder for packages.
CREATE TABLE package_versions (
  id {{id}},
  tenant_id BIGINT NOT NULL,
  feed_id TEXT NOT NULL,
  package_ref BIGINT NOT NULL REFERENCES packages (id),
  package_id TEXT NOT NULL,
  version TEXT NOT NULL,
  version_key TEXT NOT NULL,
  normal_version TEXT NOT NULL,
  is_prerelease BIGINT NOT NULL DEFAULT 0,
  is_latest BIGINT NOT NULL DEFAULT 0,
  title TEXT,
  authors TEXT,
  owners TEXT,
  description TEXT,
  summary TEXT,
  release_notes TEXT,
  project_url TEXT,
  license_url TEXT,
  icon_url TEXT,
  tags TEXT,
  project_type BIGINT NOT NULL,
  package_type BIGINT NOT NULL,
  process_type BIGINT NOT NULL,
  target_framework BIGINT NOT NULL,
  target_runtime TEXT,
  requires_user_interaction BIGINT NOT NULL DEFAULT 0,
  is_attended BIGINT NOT NULL DEFAULT 0,
  is_conversational BIGINT NOT NULL DEFAULT 0,
  is_compiled BIGINT NOT NULL DEFAULT 0,
  multiple_entry_points BIGINT NOT NULL DEFAULT 0,
  main_entry_point TEXT,
  min_robot_version TEXT,
  project_id TEXT,
  arguments TEXT NOT NULL,
  dependencies TEXT NOT NULL DEFAULT '[]',
  bindings TEXT NOT NULL DEFAULT '[]',
  resource_tags TEXT NOT NULL DEFAULT '[]',
  file TEXT NOT NULL UNIQUE,
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  creator_user_id BIGINT
);
CREATE UNIQUE INDEX package_versions_version ON package_versions (package_ref, version_key);
CREATE INDEX package_versions_latest ON package_versions (feed_id) WHERE is_latest = 1;

-- arguments is what ArgumentMetadata shows of the entry point, as JSON; data_variation a JSON string.
CREATE TABLE package_entry_points (
  id {{id}},
  package_version_id BIGINT NOT NULL REFERENCES package_versions (id) ON DELETE CASCADE,
  unique_id TEXT NOT NULL,
  path TEXT NOT NULL,
  display_name TEXT,
  input_arguments TEXT,
  output_arguments TEXT,
  input_schema TEXT,
  output_schema TEXT,
  arguments TEXT NOT NULL,
  is_test_case BIGINT NOT NULL DEFAULT 0,
  data_variation TEXT
);
CREATE INDEX package_entry_points_version ON package_entry_points (package_version_id);

-- A process. What the package states (requires_user_interaction … min_robot_version) is copied with every change of
-- the version. priority: 1 to 100. retention_action: 0 Delete, 1 Archive, 2 None.
CREATE TABLE releases (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  folder_id BIGINT NOT NULL REFERENCES folders (id),
  name TEXT NOT NULL,
  description TEXT,
  process_key TEXT NOT NULL,
  process_version TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  package_version_id BIGINT REFERENCES package_versions (id),
  current_version_id BIGINT,
  entry_point_id BIGINT,
  entry_point_path TEXT,
  input_arguments TEXT,
  environment_variables TEXT,
  requires_user_interaction BIGINT NOT NULL DEFAULT 0,
  target_framework BIGINT NOT NULL DEFAULT 0,
  process_type BIGINT NOT NULL DEFAULT 0,
  is_attended BIGINT NOT NULL DEFAULT 0,
  is_conversational BIGINT NOT NULL DEFAULT 0,
  is_compiled BIGINT NOT NULL DEFAULT 0,
  multiple_entry_points BIGINT NOT NULL DEFAULT 0,
  min_robot_version TEXT,
  priority BIGINT NOT NULL DEFAULT 45,
  auto_update BIGINT NOT NULL DEFAULT 0,
  hidden_for_attended BIGINT NOT NULL DEFAULT 0,
  automation_hub_url TEXT,
  process_settings TEXT,
  video_settings TEXT,
  tags TEXT NOT NULL DEFAULT '[]',
  robot_size BIGINT,
  remote_control BIGINT NOT NULL DEFAULT 0,
  retention_action BIGINT NOT NULL DEFAULT 0,
  retention_period BIGINT NOT NULL DEFAULT 30,
  retention_bucket_id BIGINT,
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT NOT NULL,
  updater_user_id BIGINT
);
CREATE UNIQUE INDEX releases_name ON releases (folder_id, fold(name));
CREATE INDEX releases_folder ON releases (tenant_id, folder_id);
CREATE INDEX releases_package_version ON releases (package_version_id);
CREATE INDEX releases_package ON releases (feed_id, fold(process_key));

-- Every taking into use of a version, in order; the same version may come again.
CREATE TABLE release_versions (
  id {{id}},
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  version TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT
);
CREATE INDEX release_versions_release ON release_versions (release_id);

-- The NuGet key of a tenant's feeds: its hash finds the tenant, the sealed text can be shown to administrators.
CREATE TABLE feed_keys (
  tenant_id BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id),
  key_hash TEXT NOT NULL UNIQUE,
  key_sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
