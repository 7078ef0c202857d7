-- Sets the rows of endpoints to what their last events say; the columns are those of
-- calmony.derive_endpoint. $1 accounts, $2 ids; they are locked.
update calmony.endpoint p
   set version = e.version, url = e.data ->> 'url', enabled_events = e.asked,
       status = e.status, paused = e.paused, ordered = e.ordered, rate_limit = e.rate_limit
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select version, data,
              array(select json_array_elements_text(data -> 'enabled_events')) as asked,
              case when deleted then 'deleted' else data ->> 'status' end as status,
              coalesce((data ->> 'paused')::boolean, false) as paused,
              coalesce(data ->> 'ordering', 'none') = 'per_object' as ordered,
              (data ->> 'rate_limit')::integer as rate_limit
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
 where p.account = k.account and p.id = k.id
   and (p.version, p.url, p.enabled_events, p.status, p.paused, p.ordered, p.rate_limit)
       is distinct from (e.version, e.data ->> 'url', e.asked, e.status, e.paused, e.ordered, e.rate_limit)
