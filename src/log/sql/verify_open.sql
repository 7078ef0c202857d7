-- The open attempts and the challenges of some objects that are there. $1 accounts and $2 objects, in pairs.
-- Index: object_ids_are_unique.
select o.account, o.id::text, o.internal -> 'attempt' ->> 'key' as open,
       o.internal -> 'attempt' -> 'opening' ->> 'deadline' as deadline,
       o.internal -> 'waiting' ->> 'key' as waiting,
       o.internal #>> '{returning,attempt,key}' as returning
  from (select distinct account, id from unnest($1::bigint[], $2::text[]) as p (account, id)) p
  join calmony.object o on o.account = p.account and o.id = p.id
