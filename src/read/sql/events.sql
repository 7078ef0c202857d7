-- Events between two positions, in either direction. $1 account, $2 and $3 the range without its ends, $4
-- rows, $5 types or null, $6 from and $7 until these times or null, $8 only those that every endpoint has
-- taken. $9 bytes: past them a row comes without its data; the first row has it always.
-- Indexes: event_positions_are_unique, delivery_is_owed_once, outbox_rows_are_unique.
with found as (
    select account, position, id, type, created_at, version, data, previous, request_id, idempotency_key,
           octet_length(data::text) + coalesce(octet_length(previous::text), 0) as bytes
      from calmony.event
     where account = $1 and position > $2 and position < $3
       and ($5::text[] is null or type = any ($5))
       and ($6::timestamptz is null or created_at >= $6)
       and ($7::timestamptz is null or created_at < $7)
       and (not $8::boolean
            or calmony.pending_webhooks(account, position, type) = 0
               and not exists (select from calmony.delivery d
                                where d.account = event.account and d.position = event.position))
     order by position :direction
     limit $4
), sized as (
    select *, sum(bytes) over w <= $9 or row_number() over w = 1 as fits
      from found
    window w as (order by position :direction rows unbounded preceding)
)
select id::text, type, created_at, version, case when fits then data::text end as data,
       case when fits then previous::text end as previous, request_id, idempotency_key,
       case when fits then calmony.pending_webhooks(account, position, type) end as pending_webhooks
  from sized
 order by position :direction
