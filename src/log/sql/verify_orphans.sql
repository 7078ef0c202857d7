-- A portion of the objects, and those of them that no event speaks of. $1 account and $2 object to go on
-- after, $3 rows. Indexes: object_ids_are_unique, event_versions_are_unique_in_a_stream.
select o.account, o.id::text,
       not exists (select from calmony.event e where e.account = o.account and e.stream = o.id) as is_orphan
  from calmony.object o
 where (o.account, o.id) > ($1::bigint, $2::text)
 order by o.account, o.id
 limit $3
