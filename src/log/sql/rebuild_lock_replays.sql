-- Locks the rows of replays, so that no other session changes them. $1 accounts, $2 ids.
select from calmony.replay r
 where (r.account, r.id::text) in (select * from unnest($1::bigint[], $2::text[]))
 order by r.account, r.id
   for update
