-- The next part of an account's log up to a position, and which of its events somebody asks for; of the others only the position.
-- $1 account, $2 after this position, $3 up to this one, $4 rows, $5 types or null, $6 object or null.
-- Index: event_positions_are_unique.
with part as materialized (
    select position, type, ($5::text[] is null or type = any ($5)) and ($6::text is null or stream = $6) as wanted
      from calmony.event
     where account = $1 and position > $2 and position <= $3
     order by position
     limit $4
)
select e.id::text, e.type, e.created_at, e.version, e.data::text, e.previous::text, e.request_id, e.idempotency_key,
       calmony.pending_webhooks($1, e.position, e.type), p.position
  from part p
  left join calmony.event e on p.wanted and e.account = $1 and e.position = p.position
 order by p.position
