-- Derived rows of endpoints and replays that differ from their objects, work without an event or an
-- endpoint, and groups that aren't whole or not in order; a hundred at the most.
select * from (
    select 'endpoint ' || coalesce(p.id, o.id)
      from calmony.endpoint p
      full join (select * from calmony.object where id like 'we\_%') o
             on o.account = p.account and o.id = p.id
     where p.id is null or o.id is null or p.version <> o.version or p.url is distinct from o.data ->> 'url'
        or p.status <> case when o.deleted then 'deleted' else o.data ->> 'status' end
        or p.paused <> coalesce((o.data ->> 'paused')::boolean, false)
        or p.ordered <> (coalesce(o.data ->> 'ordering', 'none') = 'per_object')
        or p.rate_limit is distinct from (o.data ->> 'rate_limit')::integer
        or p.enabled_events <> array(select json_array_elements_text(o.data -> 'enabled_events'))
    union all
    select 'replay ' || coalesce(r.id, o.id)
      from calmony.replay r
      full join (select * from calmony.object where id like 'rpl\_%') o
             on o.account = r.account and o.id = r.id
     where r.id is null or o.id is null or r.status <> o.data ->> 'status'
    union all
    select 'outbox row ' || x.position from calmony.outbox x
     where not exists (select from calmony.event e where e.account = x.account and e.position = x.position)
    union all
    select 'delivery ' || d.position || ' ' || d.endpoint from calmony.delivery d
     where not exists (select from calmony.event e where e.account = d.account and e.position = d.position)
        or not exists (select from calmony.endpoint p where p.account = d.account and p.id = d.endpoint)
    union all
    select 'delivery ' || d.position || ' ' || d.endpoint || ' in bucket ' || d.bucket from calmony.delivery d
      join calmony.event e on e.account = d.account and e.position = d.position
     where d.bucket <> calmony.bucket_of(e.stream)
    union all
    select 'group ' || g.group_id
      from (select account, group_id, group_place, group_size,
                   position > lag(position) over (partition by account, group_id order by group_place)
                   as rises
              from calmony.event
             where group_id is not null) g
     group by g.account, g.group_id
    having count(*) <> min(group_size) or min(group_size) <> max(group_size) or max(group_place) <> count(*)
        or not bool_and(coalesce(rises, true))) wrong (what)
 limit 100
