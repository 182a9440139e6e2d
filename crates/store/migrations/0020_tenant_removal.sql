-- Tenants that were deleted: they count as gone at once, what they had goes in the background.

-- deleted_at: since when there is no such tenant for callers; it is switched off then, and what follows its name makes
-- it one that no other tenant can have. removal_stage: whose rows are being removed, removed_rows: how many are gone. emptied_at: when nothing was
-- left; it is looked once more some time later. removed_at: when that was done. The bare row stays, since audit entries
-- name it and no other tenant may ever get its id.
ALTER TABLE tenants ADD COLUMN deleted_at BIGINT;
ALTER TABLE tenants ADD COLUMN removal_stage TEXT;
ALTER TABLE tenants ADD COLUMN removed_rows BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN emptied_at BIGINT;
ALTER TABLE tenants ADD COLUMN removed_at BIGINT;
CREATE INDEX tenants_leaving ON tenants (deleted_at) WHERE deleted_at IS NOT NULL;

-- The tenants that there are.
CREATE VIEW present_tenants AS
SELECT id, key, organization_id, name, display_name, is_active FROM tenants WHERE deleted_at IS NULL;

-- Without them every folder and account that goes costs a look at all folders.
CREATE INDEX folders_parent_id ON folders (parent_id);
CREATE INDEX folders_owner_id ON folders (owner_user_id);
