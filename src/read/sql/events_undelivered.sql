-- Events that not every endpoint has taken: not fanned out yet, waiting, or given up; newest first.
-- Parameters as in events_older.sql up to $7; $8 bytes, as there.
-- Indexes: delivery_is_owed_once, outbox_rows_are_unique, event_positions_are_unique.
with undelivered as (
    select distinct position
      from (select position from calmony.delivery where account = $1 and position > $2 and position < $3
            union all
            select position from calmony.outbox where account = $1 and position > $2 and position < $3) u
     order by position desc
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
     order by u.position desc
     limit $4
), sized as (
    select *, sum(bytes) over w <= $8 or row_number() over w = 1 as fits
      from found
    window w as (order by position desc rows unbounded preceding)
)
select id::text, type, created_at, version, case when fits then data::text end,
       case when fits then previous::text end, request_id, idempotency_key,
       case when fits then calmony.pending_webhooks(account, position, type) end
  from sized
 order by position desc
