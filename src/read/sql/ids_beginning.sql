-- Ids of an account's objects and events that begin so. $1 account, $2 the beginning, $3 the end of this
-- range of ids, $4 rows.
-- Indexes: object_ids_are_unique, event_ids_are_unique.
(select id::text
   from calmony.object
  where account = $1 and id >= $2::text and id < $3::text
  order by id
  limit $4)
union all
(select id::text
   from calmony.event
  where account = $1 and id >= $2::text and id < $3::text
  order by id
  limit $4)
limit $4
