-- The next part of an account's log up to a position: its end, true if there is more, and each object of a
-- kind that it changes, as the object is at the end of the part. A part is limited by a number of events and
-- by their bytes, but has at least one event.
-- $1 account, $2 after this position, $3 up to this one, $4 events, $5 bytes, $6 what ids of the
-- kind begin with.
-- Index: event_positions_are_unique.
with events as materialized (
    select position, stream,
           sum(octet_length(data::text)) over (order by position) - octet_length(data::text) as before
      from calmony.event
     where account = $1 and position > $2 and position <= $3
     order by position
     limit $4
), part as materialized (
    select position, stream from events where before < $5
), newest as materialized (
    select max(position) as position from part where starts_with(stream, $6::text) group by stream
), ends as materialized (
    select max(position) as last, count(*) = $4 or count(*) < (select count(*) from events) as more from part
)
select s.last, s.more, e.stream::text as id, e.version, e.deleted, e.data::text as data
  from ends s
  left join newest n on true
  left join calmony.event e on e.account = $1 and e.position = n.position
