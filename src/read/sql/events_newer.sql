-- Events between two positions, oldest first. $1 account, $2 and $3 the range without its ends, $4 rows, $5 types or null,
-- $6 from and $7 until these times or null, $8 only those that every endpoint has taken.
-- Indexes: event_positions_are_unique, delivery_is_owed_once, outbox_rows_are_unique.
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type)
  from calmony.event
 where account = $1 and position > $2 and position < $3
   and ($5::text[] is null or type = any ($5))
   and ($6::timestamptz is null or created_at >= $6)
   and ($7::timestamptz is null or created_at < $7)
   and (not $8::boolean or calmony.pending_webhooks(account, position, type) = 0
                           and not exists (select from calmony.delivery d
                                            where d.account = event.account and d.position = event.position))
 order by position asc
 limit $4
