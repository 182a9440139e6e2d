-- Mail that waits to be sent, and the one-time links that it carries.

-- A mail is written in the unit of the change it tells of. sealed holds recipient, subject and texts, and is emptied
-- when the mail is given up; a mail that was sent leaves no row. claim names the attempt under way, next_at is when
-- the next one may begin (during an attempt: when its lease ends). server_only: never by way of the organization's
-- own mail server.
CREATE TABLE mail_outbox (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  link_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  server_only BIGINT NOT NULL DEFAULT 0,
  sealed TEXT,
  created_at BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  gives_up_at BIGINT NOT NULL,
  claim TEXT,
  attempts BIGINT NOT NULL DEFAULT 0,
  error TEXT,
  given_up_at BIGINT
);
CREATE INDEX mail_outbox_due ON mail_outbox (next_at) WHERE given_up_at IS NULL;
CREATE INDEX mail_outbox_given_up ON mail_outbox (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX mail_outbox_user ON mail_outbox (user_id);
CREATE INDEX mail_outbox_link ON mail_outbox (link_id);

-- Links that are good for one use. purpose: 0 invitation, 1 new password. token_hash is the keyed hash of 256 random
-- bits. A link counts only as long as the account still has the security stamp and the address of when it was made.
CREATE TABLE one_time_links (
  id {{id}},
  purpose BIGINT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
  token_hash TEXT NOT NULL UNIQUE,
  security_stamp TEXT NOT NULL,
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  mailed_at BIGINT,
  used_at BIGINT,
  ended_at BIGINT
);
CREATE INDEX one_time_links_user ON one_time_links (user_id, purpose, created_at);
CREATE INDEX one_time_links_age ON one_time_links (expires_at);

-- Forgotten passwords as they were asked for, whether or not the account exists: looking it up happens later, so that
-- the answer takes as long either way. name_sealed is what the person entered, which may be anything.
CREATE TABLE password_reset_requests (
  id {{id}},
  key TEXT NOT NULL UNIQUE,
  organization_id BIGINT NOT NULL REFERENCES organizations (id),
  name_sealed TEXT NOT NULL,
  client_address TEXT,
  at BIGINT NOT NULL
);
CREATE INDEX password_reset_requests_at ON password_reset_requests (at);
