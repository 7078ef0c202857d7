-- Sets objects to the state that their last events left. $1 accounts, $2 ids; they are locked.
update calmony.object o
   set version = e.version, data = e.data, internal = e.internal, due = calmony.due_of(e.internal),
       owner = calmony.owner_of(k.id, e.data),
       deleted = e.deleted, created_at = f.created_at, updated_at = e.created_at
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select version, data, internal, deleted, created_at
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
  join calmony.event f on f.account = k.account and f.stream = k.id and f.version = 1
 where o.account = k.account and o.id = k.id
   and (o.version, o.data::text, o.internal::text, o.due, o.owner, o.deleted, o.created_at, o.updated_at)
       is distinct from (e.version, e.data::text, e.internal::text, calmony.due_of(e.internal),
                         calmony.owner_of(k.id, e.data), e.deleted, f.created_at, e.created_at)
