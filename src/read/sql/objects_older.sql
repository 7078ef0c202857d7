-- Living objects within a range of ids, newest first. $1 account, $2 and $3 the range without its ends, $4 rows.
-- Index: object_alive.
select id::text, data::text
  from calmony.object
 where account = $1 and id > $2 and id < $3 and not deleted
 order by id desc
 limit $4
