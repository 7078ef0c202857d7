-- Events between two positions, newest first. $1 account, $2 and $3 the range without its ends, $4 rows, $5 types or null,
-- $6 from and $7 until these times or null. Index: event_positions_are_unique.
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type)
  from calmony.event
 where account = $1 and position > $2 and position < $3
   and ($5::text[] is null or type = any ($5))
   and ($6::timestamptz is null or created_at >= $6)
   and ($7::timestamptz is null or created_at < $7)
 order by position desc
 limit $4
