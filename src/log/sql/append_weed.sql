-- Those of some appends that can't be in the log any more: one of their objects has another version than they
-- rest on, or their idempotency key was used. $1 numbers of appends, $2 accounts, $3 objects and $4 their
-- versions; $5 numbers, $6 accounts and $7 idempotency keys. LIMIT makes the planner look each one up.
-- Indexes: object_alive, idempotency_key_is_used_once.
select o.number
  from unnest($1::integer[], $2::bigint[], $3::text[], $4::bigint[]) as o (number, account, id, version)
  left join lateral (select version from calmony.object
                      where account = o.account and id = o.id and not deleted
                      limit 1) as now on true
 where coalesce(now.version, 0) <> o.version
 union
select k.number
  from unnest($5::integer[], $6::bigint[], $7::text[]) as k (number, account, key)
 cross join lateral (select from calmony.idempotency i
                      where i.account = k.account and i.key = k.key
                      limit 1) as used
