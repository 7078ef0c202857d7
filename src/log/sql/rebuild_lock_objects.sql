-- Locks objects, in the order in which appends lock them, so that no other session changes them.
-- $1 accounts, $2 ids.
select from calmony.object o
 where (o.account, o.id::text) in (select * from unnest($1::bigint[], $2::text[]))
 order by o.account, o.id
   for update
