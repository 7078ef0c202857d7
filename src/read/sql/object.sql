-- One object, deleted or not. $1 account, $2 id. Index: object_ids_are_unique.
select id::text, data::text, deleted
  from calmony.object
 where account = $1 and id = $2
