-- Appends groups that waited together, and lone facts beside them, at most one of an object: all of them or
-- none. False: one of the idempotency keys was used before. $22 the channel on which the commit wakes the
-- workers, or null, as in append.sql.
select calmony.append_groups(
           accounts => $1, ids => $2, streams => $3, versions => $4, types => $5, ends => $6, states => $7,
           previous_states => $8, internals => $9, requests => $10, keys => $11, moments => $12,
           traces => $13, groups => $14, places => $15, sizes => $16, key_is_for => $17, has_answer => $18,
           answers => $19, sealed_with => $20, guards => $21) as appended,
       case when $22::text is not null then pg_notify($22::text, '') end,
       case when $22::text is not null then set_config('lock_timeout', '1s', true) end
