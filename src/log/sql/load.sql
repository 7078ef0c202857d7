-- The state that a command is decided against. $1 account, $2 id. Index: object_ids_are_unique.
select version, data::text
  from calmony.object
 where account = $1 and id = $2 and not deleted
