-- Makes the objects that are missing. $1 accounts, $2 ids.
insert into calmony.object
       (account, id, version, data, internal, due, owner, deleted, created_at, updated_at)
select k.account, k.id, e.version, e.data, e.internal, calmony.due_of(e.internal),
       calmony.owner_of(k.id, e.data), e.deleted, f.created_at, e.created_at
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select version, data, internal, deleted, created_at
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
  join calmony.event f on f.account = k.account and f.stream = k.id and f.version = 1
 where not exists (select from calmony.object o where o.account = k.account and o.id = k.id)
    on conflict do nothing
