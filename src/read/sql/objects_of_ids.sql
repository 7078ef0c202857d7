-- The objects of these ids, deleted or not. $1 account, $2 ids. Index: object_ids_are_unique.
select id::text, data::text, deleted
  from calmony.object
 where account = $1 and id = any ($2::text[])
