-- Outbox rows after a cursor and within gaps, with the event and the endpoints that ask for it, all in
-- one snapshot. Rows of other workers' buckets come without an event: their positions are needed to see
-- gaps. So do those of accounts that are behind, which are read from their first event on once they have
-- room. $1 cursor, $2 rows, $3 own buckets, $4 and $5 first and last positions of the gaps, $6 false for
-- own buckets only, $7 accounts that are behind; $8 those of them that are read, $9 from which positions
-- on, $10 of which buckets, $11 how many rows of each; $12 true where another worker may have begun:
-- then whoever has taken the event already isn't asked again. Indexes: outbox_position,
-- outbox_rows_are_unique, event_positions_are_unique, event_ids_are_unique, endpoint_enabled,
-- delivery_in_line, delivery_in_group, attempt_of_endpoint.
with next as materialized (
    select account, position, bucket
      from calmony.outbox
     where position > $1 and ($6 or bucket = any ($3::smallint[]))
     order by position
     limit $2
), late as materialized (
    select o.account, o.position, o.bucket
      from unnest($4::bigint[], $5::bigint[]) as gap (first, last)
      join calmony.outbox o on o.position between gap.first and gap.last
     where o.bucket = any ($3::smallint[])
     limit $2
), again as materialized (
    select o.account, o.position, o.bucket
      from unnest($8::bigint[], $9::bigint[], $11::bigint[]) as behind (account, first, rows)
     cross join lateral (
           select account, position, bucket
             from calmony.outbox
            where account = behind.account and position >= behind.first and position <= $1
              and bucket = any ($10::smallint[])
            order by position
            limit behind.rows) o
), claimed as (
    select *, false as is_late from next
    union all
    select *, true from late where position <= $1
    union all
    select *, true from again
)
select c.account, c.position, c.bucket, c.is_late,
       e.id::text as event, e.type, e.created_at, e.version, e.data::text, e.previous::text, e.request_id,
       e.idempotency_key, coalesce(a.livemode, false) as livemode, e.stream::text, e.group_id,
       f.endpoints, f.urls, f.rate_limits, f.paused, f.ordered, f.behind, f.order_gaps, f.versions,
       f.group_before, e.trace
  from claimed c
  -- One by one along the index: without statistics, in a young database, the planner would go through the
  -- whole log.
  left join lateral (
      select *
        from calmony.event
       where account = c.account and position = c.position and c.bucket = any ($3::smallint[])
         and c.account <> all ($7::bigint[])
       limit 1) e on true
  left join calmony.account a on a.id = e.account
  left join lateral (
      select array_agg(p.id::text) as endpoints, array_agg(p.url) as urls,
             array_agg(p.rate_limit) as rate_limits, array_agg(p.version) as versions,
             array_agg(p.paused) as paused, array_agg(p.ordered) as ordered,
             -- An earlier event of the object or of the group waits for this endpoint, or was given up.
             array_agg(p.ordered and (exists (
                 select from calmony.delivery d
                  where d.account = e.account and d.endpoint = p.id and d.stream = e.stream
                    and d.position < e.position and d.state <> 'exhausted')
                 or e.group_place > 1 and exists (
                 select from calmony.delivery d
                  where d.account = e.account and d.endpoint = p.id and d.group_id = e.group_id
                    and d.position < e.position and d.state <> 'exhausted'))) as behind,
             array_agg(p.ordered and (exists (
                 select from calmony.delivery d
                  where d.account = e.account and d.endpoint = p.id and d.stream = e.stream
                    and d.position < e.position and d.state = 'exhausted')
                 or e.group_place > 1 and exists (
                 select from calmony.delivery d
                  where d.account = e.account and d.endpoint = p.id and d.group_id = e.group_id
                    and d.position < e.position and d.state = 'exhausted'))) as order_gaps,
             -- The earlier events of the group that are in the outbox, where order is asked for. The group
             -- is the id of its first event.
             case when bool_or(p.ordered) and e.group_place > 1 then array(
                 select o.position
                   from calmony.event first
                   join calmony.event g on g.account = first.account and g.position >= first.position
                                       and g.position < e.position and g.group_id = e.group_id
                   join calmony.outbox o on o.account = g.account and o.position = g.position
                  where first.account = e.account and first.id = e.group_id) end as group_before
        from calmony.endpoint p
       where p.account = e.account and p.status = 'enabled' and calmony.subscribes(p.enabled_events, e.type)
         -- After a crash some may have a row already: they are owed there. Not as an anti-join: with
         -- statistics of an empty table the planner would go through all that is owed to the endpoint.
         and (select true
                from calmony.delivery d
               where d.account = e.account and d.position = e.position and d.endpoint = p.id
               limit 1) is null
         -- The bounds spare the other days' partitions; clocks may differ by an hour.
         and not ($12 and exists (
             select from calmony.attempt t
              where t.account = e.account and t.endpoint = p.id and t.position = e.position
                and t.error is null and t.started_at > e.created_at - interval '1 hour'
                and t.started_at < statement_timestamp() + interval '1 hour'))) f on true
 order by c.position
