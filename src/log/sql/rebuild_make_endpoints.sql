-- Makes the rows of endpoints that are missing; the columns are those of calmony.derive_endpoint.
-- $1 accounts, $2 ids.
insert into calmony.endpoint (account, id, version, url, enabled_events, status, paused, ordered, rate_limit)
select k.account, k.id, e.version, e.data ->> 'url',
       array(select json_array_elements_text(e.data -> 'enabled_events')),
       case when e.deleted then 'deleted' else e.data ->> 'status' end,
       coalesce((e.data ->> 'paused')::boolean, false),
       coalesce(e.data ->> 'ordering', 'none') = 'per_object',
       (e.data ->> 'rate_limit')::integer
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select version, data, deleted
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
 where not exists (select from calmony.endpoint p where p.account = k.account and p.id = k.id)
    on conflict do nothing
