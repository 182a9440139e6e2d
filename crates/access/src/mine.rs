//! SQL of an account together with its groups.

/// Begins a statement: `mine` holds the ids (`users.id`) of the account $1 and of the groups that it is in, as the view
/// `user_groups` tells them. The view begins with all groups of the tenant; here the account's own memberships lead
/// there, which is what a request can afford. What is joined with CROSS JOIN is read in that order.
macro_rules! account_and_groups {
    () => {
        "WITH mine (id) AS MATERIALIZED (\
         SELECT CAST($1 AS BIGINT) \
         UNION SELECT g.id FROM users u CROSS JOIN identity_group_members m CROSS JOIN identity_groups ig \
         CROSS JOIN users g WHERE u.id = $1 AND u.type NOT IN (3, 5) AND m.member_key = u.key AND ig.id = m.group_id \
         AND g.tenant_id = u.tenant_id AND g.key = ig.key AND g.type = 3 AND g.is_active = 1 \
         UNION SELECT g.id FROM users u CROSS JOIN tenants t CROSS JOIN identity_groups ig CROSS JOIN users g \
         WHERE u.id = $1 AND u.type NOT IN (3, 5) AND t.id = u.tenant_id AND ig.organization_id = t.organization_id \
         AND fold(ig.name) = fold('Everyone') AND ig.is_built_in = 1 \
         AND g.tenant_id = u.tenant_id AND g.key = ig.key AND g.type = 3 AND g.is_active = 1) "
    };
}

pub(crate) use account_and_groups;
