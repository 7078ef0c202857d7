-- Sets the rows of replays to what their last events say. $1 accounts, $2 ids; they are locked.
update calmony.replay r
   set status = e.data ->> 'status'
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select data
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
 where r.account = k.account and r.id = k.id and r.status is distinct from e.data ->> 'status'
