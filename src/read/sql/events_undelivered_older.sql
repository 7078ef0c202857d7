-- Events that not every endpoint has taken: not fanned out yet, waiting, or given up; newest first. Parameters as in events_older.sql
-- up to $7. Indexes: delivery_is_owed_once, outbox_rows_are_unique, event_positions_are_unique.
with undelivered as (
    select distinct position
      from (select position from calmony.delivery where account = $1 and position > $2 and position < $3
            union all
            select position from calmony.outbox where account = $1 and position > $2 and position < $3) u
     order by position desc
)
select e.id::text, e.type, e.created_at, e.version, e.data::text, e.previous::text, e.request_id, e.idempotency_key,
       calmony.pending_webhooks(e.account, e.position, e.type)
  from undelivered u
  join calmony.event e on e.account = $1 and e.position = u.position
 where ($5::text[] is null or e.type = any ($5))
   and ($6::timestamptz is null or e.created_at >= $6)
   and ($7::timestamptz is null or e.created_at < $7)
   -- An event that nobody asked for is in the outbox until the worker has seen it, and owed to nobody.
   and (calmony.pending_webhooks(e.account, e.position, e.type) > 0
        or exists (select from calmony.delivery d where d.account = e.account and d.position = e.position))
 order by u.position desc
 limit $4
