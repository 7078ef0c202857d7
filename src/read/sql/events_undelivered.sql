-- Events that at least one endpoint hasn't taken, in either direction: they aren't fanned out yet, wait, or
-- were given up. Parameters as in events.sql up to $7; $8 bytes, as there.
-- Indexes: delivery_is_owed_once, outbox_rows_are_unique, event_positions_are_unique.
with undelivered as (
    select distinct position
      from (select position from calmony.delivery where account = $1 and position > $2 and position < $3
            union all
            select position from calmony.outbox where account = $1 and position > $2 and position < $3) u
     order by position :direction
), found as (
    select e.account, e.position, e.id, e.type, e.created_at, e.version, e.data, e.previous, e.request_id,
           e.idempotency_key,
           octet_length(e.data::text) + coalesce(octet_length(e.previous::text), 0) as bytes
      from undelivered u
      join calmony.event e on e.account = $1 and e.position = u.position
     where ($5::text[] is null or e.type = any ($5))
       and ($6::timestamptz is null or e.created_at >= $6)
       and ($7::timestamptz is null or e.created_at < $7)
       -- An event that nobody asked for is in the outbox until the worker has seen it, and owed to nobody.
       and (calmony.pending_webhooks(e.account, e.position, e.type) > 0
            or exists (select from calmony.delivery d
                        where d.account = e.account and d.position = e.position))
     order by u.position :direction
     limit $4
), sized as (
    select *, sum(bytes) over w <= $8 or row_number() over w = 1 as fits
      from found
    window w as (order by position :direction rows unbounded preceding)
)
select id::text, type, created_at, version, case when fits then data::text end as data,
       case when fits then previous::text end as previous, request_id, idempotency_key,
       case when fits then calmony.pending_webhooks(account, position, type) end as pending_webhooks
  from sized
 order by position :direction
