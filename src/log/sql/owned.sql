-- The living objects that belong to another one, newest first. $1 account, $2 the owner, $3 rows.
-- Index: object_owned.
select id::text
  from calmony.object
 where account = $1 and owner = $2 and not deleted
 order by id desc
 limit $3
