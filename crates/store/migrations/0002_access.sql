-- Tenants, folders, accounts in tenants, roles and assignments.

-- access_version rises with every change of rights or of the folder tree in the tenant; caches compare it.
CREATE TABLE tenants (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  display_name TEXT,
  is_active BIGINT NOT NULL DEFAULT 1,
  access_version BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenants_name ON tenants (organization_id, fold(name));

-- The accounts of organizations that a tenant can take in, in the words of users.type: people, robot accounts,
-- groups, confidential applications.
CREATE VIEW directory_accounts AS
SELECT organization_id, key, CASE kind WHEN 0 THEN 2 ELSE 4 END AS type, user_name, name, surname, email, display_name,
  is_active
FROM identity_users WHERE is_deleted = 0
UNION ALL
SELECT organization_id, key, 3, name, NULL, NULL, NULL, display_name, 1 FROM identity_groups
UNION ALL
SELECT organization_id, key, 5, name, NULL, NULL, NULL, name, 1 FROM applications
WHERE is_deleted = 0 AND is_confidential = 1 AND organization_id IS NOT NULL;

-- What the identity service knows of people and robot accounts at this moment.
CREATE VIEW account_facts AS
SELECT key, name, surname, email, last_login_at,
  COALESCE(NULLIF(trim(COALESCE(name, '') || ' ' || COALESCE(surname, '')), ''), NULLIF(display_name, '')) AS full_name
FROM identity_users;

-- An account as a tenant knows it. type: 0 User, 1 Robot, 2 DirectoryUser, 3 DirectoryGroup, 4 DirectoryRobot,
-- 5 DirectoryExternalApplication. key is the account's key in the identity service.
-- provision_type: 0 added by hand, 1 came in through a group.
-- Names and address are those of when it came in; account_facts has the present ones.
-- The nullable switches are what was set on the account itself; NULL: as its groups have it, else the default.
CREATE TABLE users (
  id {{id}},
  key TEXT NOT NULL,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  type BIGINT NOT NULL,
  provision_type BIGINT NOT NULL DEFAULT 0,
  user_name TEXT NOT NULL,
  full_name TEXT,
  name TEXT,
  surname TEXT,
  email TEXT,
  is_active BIGINT NOT NULL DEFAULT 1,
  may_have_user_session BIGINT,
  may_have_robot_session BIGINT,
  may_have_unattended_session BIGINT NOT NULL DEFAULT 0,
  may_have_personal_workspace BIGINT,
  restrict_to_personal_workspace BIGINT,
  bypass_basic_auth_restriction BIGINT NOT NULL DEFAULT 0,
  update_policy TEXT,
  notifications TEXT,
  culture TEXT,
  created_at BIGINT NOT NULL,
  creator_user_id BIGINT,
  updated_at BIGINT,
  updater_user_id BIGINT
);
CREATE UNIQUE INDEX users_key ON users (tenant_id, key);
CREATE UNIQUE INDEX users_name ON users (tenant_id, fold(user_name), type);

-- The groups of an account that the tenant knows, both as rows of users. Everyone holds all people and robot accounts without being
-- told so; applications have only what is given to themselves.
CREATE VIEW user_groups AS
SELECT u.id AS user_id, g.id AS group_id
FROM users u
JOIN users g ON g.tenant_id = u.tenant_id AND g.type = 3 AND g.is_active = 1
JOIN identity_groups ig ON ig.key = g.key
WHERE u.type NOT IN (3, 5)
  AND (EXISTS (SELECT 1 FROM identity_group_members m WHERE m.group_id = ig.id AND m.member_key = u.key)
       OR (ig.is_built_in = 1 AND ig.name = 'Everyone' AND u.type <> 5));

-- feed_type: 0 Undefined, 1 Processes, 2 Libraries, 3 PersonalWorkspace, 4 FolderHierarchy.
-- folder_type: 0 Standard, 1 Personal, 2 Virtual, 3 Solution, 4 DebugSolution.
-- key is also the key of the folder's own feed, where it has one. path repeats the names from the root on.
CREATE TABLE folders (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  parent_id BIGINT REFERENCES folders (id),
  display_name TEXT NOT NULL,
  path TEXT NOT NULL,
  depth BIGINT NOT NULL DEFAULT 0,
  description TEXT,
  folder_type BIGINT NOT NULL DEFAULT 0,
  feed_type BIGINT NOT NULL DEFAULT 1,
  owner_user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX folders_path ON folders (tenant_id, fold(path));
CREATE INDEX folders_parent ON folders (tenant_id, parent_id);
CREATE UNIQUE INDEX folders_owner ON folders (tenant_id, owner_user_id) WHERE folder_type = 1 AND owner_user_id IS NOT NULL;

-- type: 0 Mixed, 1 Tenant, 2 Folder.
CREATE TABLE roles (
  id {{id}},
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  type BIGINT NOT NULL,
  is_static BIGINT NOT NULL DEFAULT 0,
  is_editable BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (tenant_id, fold(name));

-- permission: Resource.Action. scope: 0 Global, 1 Folder.
CREATE TABLE role_permissions (
  id {{id}},
  role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  permission TEXT NOT NULL,
  scope BIGINT NOT NULL
);
CREATE UNIQUE INDEX role_permissions_name ON role_permissions (role_id, permission);

CREATE TABLE user_roles (
  id {{id}},
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX user_roles_pair ON user_roles (user_id, role_id);
CREATE INDEX user_roles_role ON user_roles (role_id);

-- An account assigned to a folder, with any number of roles there.
CREATE TABLE folder_users (
  folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (folder_id, user_id)
);
CREATE INDEX folder_users_user ON folder_users (user_id);

CREATE TABLE folder_user_roles (
  folder_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  PRIMARY KEY (folder_id, user_id, role_id),
  FOREIGN KEY (folder_id, user_id) REFERENCES folder_users (folder_id, user_id) ON DELETE CASCADE
);
CREATE INDEX folder_user_roles_user ON folder_user_roles (user_id);
CREATE INDEX folder_user_roles_role ON folder_user_roles (role_id);

-- Who explores whose personal workspace.
CREATE TABLE workspace_explorers (
  folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  started_at BIGINT NOT NULL,
  PRIMARY KEY (folder_id, user_id)
);
