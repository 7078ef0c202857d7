-- Makes the rows of replays that are missing. The columns are those of calmony.derive_replay, except that
-- the replay began at the time of its first event. $1 accounts, $2 ids.
insert into calmony.replay
       (account, id, endpoint, status, started_at, after_position, until_position, created_from,
        created_until, rate_limit, only_failed, single, bucket, stream, types)
select k.account, k.id, e.data ->> 'webhook_endpoint', e.data ->> 'status', f.created_at,
       coalesce(picked.position - 1, 0), coalesce(picked.position, f.position),
       to_timestamp((e.data ->> 'created_from')::bigint), to_timestamp((e.data ->> 'created_until')::bigint),
       (e.data ->> 'rate_limit')::integer, (e.data ->> 'only_failed')::boolean, picked.position is not null,
       calmony.bucket_of(picked.stream), e.data ->> 'related_object',
       case when json_typeof(e.data -> 'types') = 'array'
            then array(select json_array_elements_text(e.data -> 'types')) end
  from unnest($1::bigint[], $2::text[]) as k (account, id)
 cross join lateral (
       select data
         from calmony.event
        where account = k.account and stream = k.id
        order by version desc
        limit 1) e
  join calmony.event f on f.account = k.account and f.stream = k.id and f.version = 1
  left join calmony.event picked on picked.account = k.account and picked.id = e.data ->> 'event'
 where not exists (select from calmony.replay r where r.account = k.account and r.id = k.id)
    on conflict do nothing
