-- Events of one object between two positions, newest first. Parameters as in events_newer.sql up to $7; $8 only those that every endpoint
-- has taken (true), or that not every one has (false), or null; $9 object.
-- Indexes: event_versions_are_unique_in_a_stream, delivery_is_owed_once, outbox_rows_are_unique.
select id::text, type, created_at, version, data::text, previous::text, request_id, idempotency_key,
       calmony.pending_webhooks(account, position, type)
  from calmony.event
 where account = $1 and stream = $9::text and position > $2 and position < $3
   and ($5::text[] is null or type = any ($5))
   and ($6::timestamptz is null or created_at >= $6)
   and ($7::timestamptz is null or created_at < $7)
   and ($8::boolean is null
        or $8 = (calmony.pending_webhooks(account, position, type) = 0
                 and not exists (select from calmony.delivery d
                                  where d.account = event.account and d.position = event.position)))
 order by version desc
 limit $4
