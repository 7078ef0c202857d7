-- Removes objects that no event speaks of. $1 accounts, $2 ids.
delete from calmony.object o
 using unnest($1::bigint[], $2::text[]) as k (account, id)
 where o.account = k.account and o.id = k.id
   and not exists (select from calmony.event e where e.account = k.account and e.stream = k.id)
