-- Guessing of passwords is counted by the network it comes from.

-- network: the address, or the part of it that belongs to one household. from_stranger: nobody had signed in to the
-- account from that network before.
ALTER TABLE login_attempts ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE login_attempts ADD COLUMN from_stranger BIGINT NOT NULL DEFAULT 0;
CREATE INDEX login_attempts_failed ON login_attempts (user_id, at) WHERE result = 'invalidPassword';
CREATE INDEX login_attempts_known ON login_attempts (user_id, network, at) WHERE result = 'success';
