-- The living objects of some ids, with what they keep to themselves. $1 account, $2 ids. LIMIT makes the
-- planner look each one up: while the table is small or new it would walk through the account's objects, and
-- keep that plan while they grow. Index: object_alive.
select o.id, o.version, o.data, o.internal
  from unnest($2::text[]) as i (id)
 cross join lateral (select id::text, version, data::text, internal::text
                       from calmony.object
                      where account = $1 and id = i.id and not deleted
                      limit 1) as o
