-- Sign-in on devices without a browser (RFC 8628).

-- device_hash: keyed hash of the 256 bits that the device polls with; user_hash: of the short code that a person enters.
-- pause: seconds that must lie between two polls; too_fast: the last one came earlier. user_id, security_stamp, auth_time:
-- who decided, as the account was then. family: what the tokens that come of it belong to.
CREATE TABLE device_authorizations (
  id {{id}},
  device_hash TEXT NOT NULL UNIQUE,
  user_hash TEXT NOT NULL UNIQUE,
  family TEXT NOT NULL,
  application_id BIGINT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
  scopes TEXT NOT NULL,
  client_address TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  pause BIGINT NOT NULL,
  polled_at BIGINT,
  too_fast BIGINT NOT NULL DEFAULT 0,
  decided_at BIGINT,
  is_allowed BIGINT NOT NULL DEFAULT 0,
  user_id BIGINT REFERENCES identity_users (id) ON DELETE CASCADE,
  security_stamp TEXT,
  auth_time BIGINT,
  used_at BIGINT
);
CREATE INDEX device_authorizations_age ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_application ON device_authorizations (application_id);
CREATE INDEX device_authorizations_user ON device_authorizations (user_id) WHERE user_id IS NOT NULL;

-- Wrong codes that an account has entered since then.
CREATE TABLE device_code_guesses (
  user_id BIGINT NOT NULL PRIMARY KEY REFERENCES identity_users (id) ON DELETE CASCADE,
  since BIGINT NOT NULL,
  wrong BIGINT NOT NULL
);
CREATE INDEX device_code_guesses_age ON device_code_guesses (since);
