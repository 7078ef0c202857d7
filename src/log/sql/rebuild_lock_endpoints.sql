-- Locks the rows of endpoints, so that no other session changes them. $1 accounts, $2 ids.
select from calmony.endpoint p
 where (p.account, p.id::text) in (select * from unnest($1::bigint[], $2::text[]))
 order by p.account, p.id
   for update
