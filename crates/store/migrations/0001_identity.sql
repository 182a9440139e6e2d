-- Organizations, accounts, applications, tokens: what the identity service knows.

CREATE TABLE organizations (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX organizations_name ON organizations (fold(name));

-- Rises with every change that can make a credential void; caches of verified credentials compare it.
CREATE TABLE credential_version (
  id BIGINT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO credential_version (id, value) VALUES (1, 1);

-- RSA keys that sign tokens; the private half is sealed. A key is published before it signs and verifies after.
CREATE TABLE signing_keys (
  id {{id}},
  kid TEXT NOT NULL UNIQUE,
  private_sealed TEXT NOT NULL,
  public_jwk TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  signs_from BIGINT NOT NULL,
  signs_until BIGINT NOT NULL,
  verifies_until BIGINT NOT NULL
);

-- People (kind 0) and robot accounts (kind 1). is_host marks administrators of the installation. security_stamp
-- changes with the password: what was issued before is void then.
CREATE TABLE identity_users (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  kind BIGINT NOT NULL DEFAULT 0,
  user_name TEXT NOT NULL,
  email TEXT,
  email_confirmed BIGINT NOT NULL DEFAULT 0,
  name TEXT,
  surname TEXT,
  display_name TEXT,
  password_hash TEXT,
  password_changed_at BIGINT,
  must_change_password BIGINT NOT NULL DEFAULT 0,
  bypass_basic_auth_restriction BIGINT NOT NULL DEFAULT 0,
  invitation_accepted BIGINT NOT NULL DEFAULT 0,
  attributes TEXT NOT NULL DEFAULT '{}',
  is_host BIGINT NOT NULL DEFAULT 0,
  is_active BIGINT NOT NULL DEFAULT 1,
  is_deleted BIGINT NOT NULL DEFAULT 0,
  security_stamp TEXT NOT NULL,
  failed_attempts BIGINT NOT NULL DEFAULT 0,
  locked_until BIGINT,
  last_login_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_users_name ON identity_users (organization_id, fold(user_name)) WHERE is_deleted = 0;
CREATE UNIQUE INDEX identity_users_email ON identity_users (organization_id, fold(email)) WHERE is_deleted = 0;

CREATE TABLE identity_groups (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  display_name TEXT,
  is_built_in BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_groups_name ON identity_groups (organization_id, fold(name));

-- Members are users, robot accounts or applications, by their key.
CREATE TABLE identity_group_members (
  group_id BIGINT NOT NULL REFERENCES identity_groups (id) ON DELETE CASCADE,
  member_key TEXT NOT NULL,
  PRIMARY KEY (group_id, member_key)
);
CREATE INDEX identity_group_members_member ON identity_group_members (member_key);

-- External applications; those without an organization are built in (the public client of command lines).
CREATE TABLE applications (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT REFERENCES organizations (id),
  name TEXT NOT NULL,
  is_confidential BIGINT NOT NULL,
  is_first_party BIGINT NOT NULL DEFAULT 0,
  redirect_uris TEXT NOT NULL DEFAULT '[]',
  is_deleted BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX applications_name ON applications (organization_id, fold(name)) WHERE is_deleted = 0;

CREATE TABLE application_secrets (
  id {{id}},
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  secret_hash TEXT NOT NULL UNIQUE,
  description TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);

-- kind 0: the application acts as itself; kind 1: it acts for a signed-in user.
CREATE TABLE application_scopes (
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  kind BIGINT NOT NULL,
  PRIMARY KEY (application_id, kind, scope)
);

-- What a person has allowed an application to do in their name.
CREATE TABLE application_consents (
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (application_id, user_id)
);

CREATE TABLE personal_access_tokens (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  description TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  last_used_at BIGINT
);
CREATE INDEX personal_access_tokens_user ON personal_access_tokens (user_id);

CREATE TABLE authorization_codes (
  code_hash TEXT NOT NULL PRIMARY KEY,
  family TEXT NOT NULL,
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  redirect_uri TEXT NOT NULL,
  scopes TEXT NOT NULL,
  challenge TEXT,
  nonce TEXT,
  auth_time BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

-- A refresh token is used once; its family ends when one of it is used twice.
CREATE TABLE refresh_tokens (
  token_hash TEXT NOT NULL PRIMARY KEY,
  family TEXT NOT NULL,
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  scopes TEXT NOT NULL,
  auth_time BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

-- Access tokens that ended before their time: by their own id (jti) or by their family's (sid).
CREATE TABLE revoked_tokens (
  id TEXT NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

CREATE TABLE browser_sessions (
  id_hash TEXT NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE login_attempts (
  id {{id}},
  organization_id BIGINT NOT NULL,
  user_id BIGINT,
  user_name TEXT NOT NULL,
  at BIGINT NOT NULL,
  result TEXT NOT NULL,
  client_address TEXT,
  client_name TEXT
);
CREATE INDEX login_attempts_user ON login_attempts (user_id, at);
CREATE INDEX login_attempts_age ON login_attempts (at);

-- Settings of organizations and, with user_id, of accounts. Values of secret keys are sealed.
CREATE TABLE identity_settings (
  id {{id}},
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  user_id BIGINT REFERENCES identity_users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_settings_name ON identity_settings (organization_id, COALESCE(user_id, 0), fold(name));

-- Texts of messages, as an organization wants them.
CREATE TABLE message_templates (
  id {{id}},
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX message_templates_name ON message_templates (organization_id, fold(name));
