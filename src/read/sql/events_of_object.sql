-- Events of one object between two positions, in either direction. Parameters as in events.sql up to $7; $8
-- only those that every endpoint has taken (true), or that at least one hasn't (false), or null; $9 object;
-- $10 bytes, as there.
-- Indexes: event_versions_are_unique_in_a_stream, delivery_is_owed_once, outbox_rows_are_unique.
with found as (
    select account, position, id, type, created_at, version, data, previous, request_id, idempotency_key,
           octet_length(data::text) + coalesce(octet_length(previous::text), 0) as bytes
      from calmony.event
     where account = $1 and stream = $9::text and position > $2 and position < $3
       and ($5::text[] is null or type = any ($5))
       and ($6::timestamptz is null or created_at >= $6)
       and ($7::timestamptz is null or created_at < $7)
       and ($8::boolean is null
            or $8 = (calmony.pending_webhooks(account, position, type) = 0
                     and not exists (select from calmony.delivery d
                                      where d.account = event.account and d.position = event.position)))
     order by version :direction
     limit $4
), sized as (
    select *, sum(bytes) over w <= $10 or row_number() over w = 1 as fits
      from found
    window w as (order by version :direction rows unbounded preceding)
)
select id::text, type, created_at, version, case when fits then data::text end as data,
       case when fits then previous::text end as previous, request_id, idempotency_key,
       case when fits then calmony.pending_webhooks(account, position, type) end as pending_webhooks
  from sized
 order by version :direction
