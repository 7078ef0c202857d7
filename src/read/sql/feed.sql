-- The next part of an account's log up to a position. An event that isn't asked for comes as its position
-- alone.
-- $1 account, $2 after this position, $3 up to this one, $4 rows, $5 types or null, $6 object or null. $7
-- bytes: past them an event doesn't fit, and comes without its data; the first that is asked for fits always.
-- Index: event_positions_are_unique.
with part as materialized (
    select position,
           ($5::text[] is null or type = any ($5)) and ($6::text is null or stream = $6) as wanted
      from calmony.event
     where account = $1 and position > $2 and position <= $3
     order by position
     limit $4
), found as (
    select p.position as place, e.*,
           coalesce(octet_length(e.data::text) + coalesce(octet_length(e.previous::text), 0), 0) as bytes
      from part p
      left join calmony.event e on p.wanted and e.account = $1 and e.position = p.position
), sized as (
    select *, sum(bytes) over w <= $7 or sum(bytes) over w = bytes as fits
      from found
    window w as (order by place rows unbounded preceding)
)
select case when fits then id::text end as id, type, created_at, version,
       case when fits then data::text end as data, case when fits then previous::text end as previous,
       request_id, idempotency_key,
       case when fits then calmony.pending_webhooks($1, position, type) end as pending_webhooks, place, fits
  from sized
 order by place
