-- Providers outside (OpenID Connect) with which an organization's people may sign in. The issuer never changes: accounts
-- are linked to what it calls people.
CREATE TABLE identity_providers (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  client_id TEXT NOT NULL,
  secret_sealed TEXT,
  scopes TEXT NOT NULL,
  creates_accounts BIGINT NOT NULL,
  group_keys TEXT NOT NULL,
  is_enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_providers_name ON identity_providers (organization_id, fold(name));

-- Whom a provider calls what. One account has at most one name with a provider, so that an e-mail address which a
-- provider gives to somebody else does not lead into the account of its former owner.
CREATE TABLE outside_links (
  provider_id BIGINT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
  subject TEXT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (provider_id, subject)
);
CREATE UNIQUE INDEX outside_links_user ON outside_links (user_id, provider_id);

-- Sign-ins under way: from the button to the way back. A row is good for one return of one browser.
CREATE TABLE outside_sign_ins (
  state_hash TEXT NOT NULL PRIMARY KEY,
  browser_hash TEXT NOT NULL,
  provider_id BIGINT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
  sealed TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX outside_sign_ins_end ON outside_sign_ins (expires_at);
CREATE INDEX outside_sign_ins_provider ON outside_sign_ins (provider_id);

-- The provider that a session began with.
ALTER TABLE browser_sessions ADD COLUMN provider_id BIGINT;
CREATE INDEX browser_sessions_provider ON browser_sessions (provider_id);
